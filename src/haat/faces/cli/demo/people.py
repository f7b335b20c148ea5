"""Three hundred buyers: invented names in both scripts, phones out of a block of zeros, addresses that resolve.

Half of them write Bangla, some in the old spellings; that is how orders look here.
"""

from random import Random
from typing import Any

from haat.faces.cli.demo import places
from haat.kernel import text as words

CUSTOMERS = 300

#: English and Bangla given names, then family names that go with them
NAMES = (
    (
        (
            ("Abdul Karim", "আব্দুল করিম"), ("Rafiqul", "রফিকুল"), ("Shahidul", "শহিদুল"), ("Mizanur", "মিজানুর"), ("Tanvir", "তানভীর"),
            ("Imran", "ইমরান"), ("Sakib", "সাকিব"), ("Mehedi", "মেহেদী"), ("Arif", "আরিফ"), ("Nazmul", "নাজমুল"),
            ("Jahid", "জাহিদ"),
            ("Rashed", "রাশেদ"),
        ),
        (("Islam", "ইসলাম"), ("Hossain", "হোসেন"), ("Rahman", "রহমান"), ("Ahmed", "আহমেদ"), ("Chowdhury", "চৌধুরী"), ("Mia", "মিয়া"),
            ("Sarkar", "সরকার")),
    ),
    (
        (
            ("Fatema", "ফাতেমা"), ("Rahima", "রহিমা"), ("Nusrat", "নুসরাত"), ("Sharmin", "শারমিন"), ("Taslima", "তাসলিমা"),
            ("Ayesha", "আয়েশা"), ("Sumaiya", "সুমাইয়া"), ("Farzana", "ফারজানা"), ("Jannat", "জান্নাত"), ("Moushumi", "মৌসুমী"),
            ("Salma", "সালমা"),
            ("Rokeya", "রোকেয়া"),
        ),
        (("Begum", "বেগম"), ("Akter", "আক্তার"), ("Khatun", "খাতুন"), ("Sultana", "সুলতানা"), ("Jahan", "জাহান"), ("Haque", "হক")),
    ),
    (
        (
            ("Bimal", "বিমল"), ("Subrata", "সুব্রত"), ("Shimul", "শিমুল"), ("Anik", "অনিক"), ("Priya", "প্রিয়া"), ("Sulekha", "সুলেখা"),
            ("Mitali", "মিতালী"), ("Dipa", "দীপা"),
        ),
        (("Das", "দাস"), ("Roy", "রায়"), ("Saha", "সাহা"), ("Chakraborty", "চক্রবর্তী"), ("Debnath", "দেবনাথ"), ("Biswas", "বিশ্বাস")),
    ),
    (
        (("Mong", "মং"), ("Sajib", "সজীব"), ("Aung", "অং"), ("Rupayan", "রূপায়ণ")),
        (("Chakma", "চাকমা"), ("Marma", "মারমা"), ("Tripura", "ত্রিপুরা")),
    ),
)  # fmt: skip
NAME_WEIGHTS = (46, 40, 11, 3)


def customers(random: Random) -> list[dict[str, Any]]:
    """Buyers with `name`, `phone` (E.164), `group`, `bangla` (how they write) and one `address`. Phones are all different."""
    return [_customer(number, random) for number in range(CUSTOMERS)]


def _customer(number: int, random: Random) -> dict[str, Any]:
    given, family = random.choices(NAMES, NAME_WEIGHTS)[0]
    (first_en, first_bn), (last_en, last_bn) = random.choice(given), random.choice(family)
    bangla = random.random() < 0.5
    phone = f"+8801{random.choice('3456789')}000{number:05d}"
    name = f"{first_bn} {last_bn}" if bangla else f"{first_en} {last_en}"
    return {
        "reference": f"demo-customer-{number + 1:03d}",
        "name": name,
        "phone": phone,
        "group": "wholesale" if number % 30 == 7 else "vip" if number % 25 == 3 else "",
        "bangla": bangla,
        "address": _address(name, "0" + phone[4:], bangla, random),
    }


def _address(recipient: str, phone: str, bangla: bool, random: Random) -> dict[str, Any]:
    _, english, local = random.choices(places.ADDRESSES, [row[0] for row in places.ADDRESSES])[0]
    division, district, upazila, area, postcode = local if bangla else english
    house, road = random.randint(1, 90), random.randint(1, 27)
    near_en, near_bn = random.choice(places.LANDMARKS)
    line = words.bangla_digits(f"বাসা {house}, রোড {road}") if bangla else f"House {house}, Road {road}"
    return {
        "recipient": recipient,
        "phone": words.bangla_digits(phone) if bangla and random.random() < 0.3 else phone,
        "country": "BD",
        "division": division if random.random() < 0.8 else "",
        "district": district,
        "upazila": upazila,
        "area": area,
        "line": line,
        "landmark": near_bn if bangla else near_en,
        "postcode": postcode if random.random() < 0.4 else "",
    }
