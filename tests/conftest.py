"""What holds for all tests."""

from hypothesis import settings

# A slow machine is not a mistake in the code.
settings.register_profile("without deadline", deadline=None)
settings.load_profile("without deadline")
