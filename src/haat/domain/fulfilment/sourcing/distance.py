"""How far a place is from another, as the crow flies: good enough to tell a near node from a far one.

The table holds the seat of each district (latitude, longitude in hundredths of a degree, about one kilometre); it is used where
neither side has coordinates of its own. Formula: haversine on a sphere of 6,371 km.
"""

from math import asin, cos, radians, sin, sqrt

EARTH_KM = 6371.0
#: What is said of a place that nobody can put on the map: farther than any corner of the country from any other.
UNKNOWN_KM = 1_000

#: District -> (latitude, longitude) of its seat, in hundredths of a degree.
SEATS = {
    "bagerhat": (2265, 8979), "bandarban": (2220, 9222), "barguna": (2216, 9011), "barishal": (2270, 9035), "bhola": (2269, 9065),
    "bogura": (2485, 8938), "brahmanbaria": (2396, 9111), "chandpur": (2323, 9067), "chapainawabganj": (2460, 8828),
    "chattogram": (2234, 9183), "chuadanga": (2364, 8884), "coxs-bazar": (2144, 9200), "cumilla": (2347, 9118), "dhaka": (2378, 9040),
    "dinajpur": (2562, 8864), "faridpur": (2361, 8984), "feni": (2302, 9138), "gaibandha": (2533, 8953), "gazipur": (2400, 9043),
    "gopalganj": (2301, 8983), "habiganj": (2438, 9142), "jamalpur": (2494, 8994), "jashore": (2317, 8921), "jhalakathi": (2264, 9020),
    "jhenaidah": (2354, 8915), "joypurhat": (2510, 8902), "khagrachhari": (2312, 9198), "khulna": (2282, 8957), "kishoreganj": (2444, 9078),
    "kurigram": (2581, 8964), "kushtia": (2390, 8912), "lakshmipur": (2294, 9084), "lalmonirhat": (2599, 8928), "madaripur": (2316, 9019),
    "magura": (2349, 8942), "manikganj": (2386, 9000), "meherpur": (2376, 8863), "moulvibazar": (2448, 9178), "munshiganj": (2354, 9053),
    "mymensingh": (2475, 9042), "naogaon": (2479, 8893), "narail": (2317, 8951), "narayanganj": (2363, 9050), "narsingdi": (2393, 9072),
    "natore": (2442, 8900), "netrokona": (2487, 9073), "nilphamari": (2593, 8886), "noakhali": (2287, 9110), "pabna": (2400, 8923),
    "panchagarh": (2634, 8855), "patuakhali": (2236, 9033), "pirojpur": (2258, 8997), "rajbari": (2376, 8964), "rajshahi": (2436, 8862),
    "rangamati": (2266, 9218), "rangpur": (2576, 8924), "satkhira": (2272, 8907), "shariatpur": (2324, 9043), "sherpur": (2502, 9002),
    "sirajganj": (2445, 8970), "sunamganj": (2507, 9140), "sylhet": (2489, 9187), "tangail": (2425, 8992), "thakurgaon": (2603, 8846),
}  # fmt: skip


def spot(district: str, lat: float | None, lng: float | None) -> tuple[float, float] | None:
    """Where something is, in degrees: its own coordinates, else its district's seat, else nobody knows."""
    if lat is not None and lng is not None:
        return lat, lng
    seat = SEATS.get(district)
    return (seat[0] / 100, seat[1] / 100) if seat is not None else None


def km(one: tuple[float, float] | None, other: tuple[float, float] | None) -> int:
    """Whole kilometres between two spots, rounded down; UNKNOWN_KM where one is not known."""
    if one is None or other is None:
        return UNKNOWN_KM
    (lat, lng), (lat2, lng2) = (map(radians, one), map(radians, other))
    a = sin((lat2 - lat) / 2) ** 2 + cos(lat) * cos(lat2) * sin((lng2 - lng) / 2) ** 2
    return int(2 * EARTH_KM * asin(sqrt(a)))
