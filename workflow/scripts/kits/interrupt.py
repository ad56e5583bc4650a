"""Importing this module lets Ctrl-C end the process at once, until `cli.run` takes over.

Each script imports it before anything heavy, since Python turns Ctrl-C into an exception, which is lost where it comes
while a library such as torch is being imported.
"""

import signal

if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    signal.signal(signal.SIGINT, signal.SIG_DFL)
