from .units import KILO
