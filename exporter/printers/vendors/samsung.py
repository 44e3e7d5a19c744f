"""Samsung, and the engines that it built for HP, Dell and Xerox.

All pages are in prtMarkerLifeCount. What is known of its table of jobs by function is not sure and not read.
"""

from exporter.printers.vendors.maker import ENTERPRISES, Maker

MAKER = Maker("Samsung", (f"{ENTERPRISES}.236",), model=(f"{ENTERPRISES}.236.11.5.1.1.1.1.0",))
