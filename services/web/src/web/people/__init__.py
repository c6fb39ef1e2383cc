"""Who may act: users with passwords, signed sessions, a brake on guessing."""
