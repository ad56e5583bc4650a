"""Importing this module lets Ctrl-C end the process at once, until `cli.run` handles it.

Each script imports it first, since Python turns Ctrl-C into an exception, which is lost if it is raised while a library
such as torch is being imported.
"""

import signal

if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    signal.signal(signal.SIGINT, signal.SIG_DFL)
