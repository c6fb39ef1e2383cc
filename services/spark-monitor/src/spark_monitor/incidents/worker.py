"""The process that Spark asks what becomes of each entity: frames over standard input and output.

The first frame has the life cycle, pickled by the monitor; then each is a question, answered at once. A frame is its
length and as many bytes; a text is its length, -1 for none, and its UTF-8; all numbers are big-endian. The other side
is jvm/monitor/LifeCycleProcess.java.
"""

import os
import pickle
import signal
import struct
import sys
from collections.abc import Iterator
from typing import BinaryIO

from spark_monitor.incidents.answers import Answer, Answerer, Question

_LENGTH = struct.Struct(">i")
_TIMER = struct.Struct(">q")
_TIMES = struct.Struct(">qq")


def serve(questions: BinaryIO, answers: BinaryIO) -> None:
    """Answer until there are no more questions."""
    frames = _frames(questions)
    life = next(frames, None)
    if life is None:
        return
    # From the monitor alone, whose child this is.
    answerer = Answerer(pickle.loads(life))  # noqa: S301
    for frame in frames:
        answers.write(answer_frame(answerer.answer(question(frame))))
        answers.flush()


def question(frame: bytes) -> Question:
    """Return what a frame asks."""
    now, timer = _TIMES.unpack_from(frame)
    at = _TIMES.size
    texts: list[str | None] = []
    for _ in range(3):
        (length,) = _LENGTH.unpack_from(frame, at)
        at += _LENGTH.size
        texts.append(None if length < 0 else frame[at : at + length].decode())
        at += max(length, 0)
    entity_id, state, rows = texts
    return Question(entity_id or "", state, timer, now, rows)


def answer_frame(answer: Answer) -> bytes:
    """Return an answer's bytes."""
    texts = b"".join(map(_text, answer.records))
    return _TIMER.pack(answer.timer) + _text(answer.state) + _LENGTH.pack(len(answer.records)) + texts


def _text(text: str | None) -> bytes:
    if text is None:
        return _LENGTH.pack(-1)
    # JSON can name half of a character, which UTF-8 has not.
    found = text.encode(errors="replace")
    return _LENGTH.pack(len(found)) + found


def _frames(stream: BinaryIO) -> Iterator[bytes]:
    while len(head := stream.read(_LENGTH.size)) == _LENGTH.size:
        (length,) = _LENGTH.unpack(head)
        yield stream.read(length)


if __name__ == "__main__":
    # It ends when its questions do, after the last batch, not with a terminal's Ctrl-C before.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    out = os.fdopen(os.dup(1), "wb")
    # What anything prints must not stand between the answers.
    os.dup2(2, 1)
    serve(sys.stdin.buffer, out)
