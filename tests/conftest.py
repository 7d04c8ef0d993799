"Two test processes on two cores: neither of them nor what they start takes more than one thread."
import os

os.environ.setdefault('OMP_NUM_THREADS', '1')      # before torch is imported
