"Two test processes on two cores: neither of them nor what they start takes more than one thread."
import os, signal

os.environ.setdefault('OMP_NUM_THREADS', '1')      # before torch is imported
signal.signal(signal.SIGINT, signal.default_int_handler)     # a shell's background jobs ignore Ctrl-C
