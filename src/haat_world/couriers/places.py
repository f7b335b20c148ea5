"""Cities, zones and areas as the couriers number them: a few of each, every district of the country as a city.

The ids are this world's own. Couriers resolve an address by themselves where no id is given.
"""

WRITTEN = """
Dhaka Chattogram Sylhet Rajshahi Khulna Barishal Rangpur Mymensingh Gazipur Narayanganj Cumilla Bogura Jashore Tangail Faridpur
Bagerhat Bandarban Barguna Bhola Brahmanbaria Chandpur Chapainawabganj Chuadanga Cox's-Bazar Dinajpur Feni Gaibandha Gopalganj Habiganj
Jamalpur Jhalokati Jhenaidah Joypurhat Khagrachhari Kishoreganj Kurigram Kushtia Lakshmipur Lalmonirhat Madaripur Magura Manikganj Meherpur
Moulvibazar Munshiganj Naogaon Narail Narsingdi Natore Netrokona Nilphamari Noakhali Pabna Panchagarh Patuakhali Pirojpur Rajbari
Rangamati Satkhira Shariatpur Sherpur Sirajganj Sunamganj Thakurgaon
"""
DISTRICTS = WRITTEN.split()
DHAKA_ZONES = ("Mirpur", "Uttara", "Dhanmondi", "Mohammadpur", "Gulshan", "Badda", "Khilgaon", "Jatrabari", "Motijheel", "Lalbagh", "Savar")


def cities() -> list[tuple[int, str]]:
    return [(number, name.replace("-", " ")) for number, name in enumerate(DISTRICTS, start=1)]


def zones(city: int) -> list[tuple[int, str]]:
    """The zones of a city, none where there is no such city."""
    if not 1 <= city <= len(DISTRICTS):
        return []
    names = DHAKA_ZONES if city == 1 else (f"{cities()[city - 1][1]} Sadar", f"{cities()[city - 1][1]} Outskirts")
    return [(city * 100 + number, name) for number, name in enumerate(names, start=1)]


def areas(zone: int) -> list[tuple[int, str]]:
    """The areas of a zone."""
    found = dict(zones(zone // 100)).get(zone)
    return [] if found is None else [(zone * 10 + number, f"{found} {part}") for number, part in enumerate(("North", "South"), start=1)]
