"""ecgrepro: does transfer learning help ECG classification, and by how much?"""

__version__ = "0.1.0"
