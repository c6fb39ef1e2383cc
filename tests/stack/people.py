"""People on the page: who signs in, and what they do there."""

import re
import secrets
import shlex

import httpx

from devstack.compose_project import Stack


def sign_in(stack: Stack, page: httpx.Client, name: str, role: str = "operator") -> None:
    """Make a user as the one who runs the machine does, and sign it in."""
    password = f"kunci {secrets.token_hex(8)}"
    stack.shell(f"echo {shlex.quote(password)} | make user NAME={name} ROLE={role}")
    assert send(page, "/masuk", {"name": name, "password": password, "ke": "/"}).status_code == 303


def send(page: httpx.Client, path: str, form: dict[str, str]) -> httpx.Response:
    """Send a form as a browser does from one of our own pages."""
    return page.post(path, data=form, headers={"Origin": str(page.base_url).rstrip("/")})


def form_of(page: httpx.Client, path: str, action: str) -> dict[str, str]:
    """Return the hidden fields of the form for an action, as a page has it now; nothing without one."""
    forms = re.findall(r"<form\b.*?</form>", page.get(path).text, re.DOTALL)
    for form in forms:
        fields = dict(re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)">', form))
        if fields.get("action") == action:
            return fields
    return {}
