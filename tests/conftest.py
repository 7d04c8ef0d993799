"Two test processes on two cores: neither of them nor what they start takes more than one thread."
import os, signal

os.environ.setdefault('OMP_NUM_THREADS', '1')      # before torch is imported
signal.signal(signal.SIGINT, signal.default_int_handler)     # a shell's background jobs ignore Ctrl-C

# modules that take minutes go first: one that begins last would keep one process busy and the other idle
SLOW = 'default cluster wiring runs site try systems distributed paper door'.split()

def pytest_collection_modifyitems(items):
    when = {f'test_{name}': n for n, name in enumerate(SLOW)}
    items.sort(key=lambda item: when.get(item.path.stem, len(SLOW)))
