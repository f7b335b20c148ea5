"""Where the market sells from and to: channels, stock locations, vendors, categories, and addresses that resolve."""

#: code, kind, name, language, price list
CHANNELS = (
    ("web", "web", "haat.example", "bn", "retail"),
    ("app", "app", "Haat app", "bn", "app"),
    ("facebook", "social", "Facebook page", "bn", "retail"),
)

#: code, English name, Bangla name, kind, district, priority
LOCATIONS = (
    ("dhaka-tejgaon", "Dhaka, Tejgaon central warehouse", "ঢাকা, তেজগাঁও কেন্দ্রীয় গুদাম", "warehouse", "dhaka", 10),
    ("dhaka-uttara", "Dhaka, Uttara hub", "ঢাকা, উত্তরা হাব", "warehouse", "dhaka", 20),
    ("chattogram", "Chattogram, Agrabad hub", "চট্টগ্রাম, আগ্রাবাদ হাব", "warehouse", "chattogram", 30),
    ("sylhet", "Sylhet, Zindabazar hub", "সিলেট, জিন্দাবাজার হাব", "warehouse", "sylhet", 40),
    ("khulna", "Khulna, Sonadanga hub", "খুলনা, সোনাডাঙ্গা হাব", "warehouse", "khulna", 50),
)

#: code, SKU prefix, English name, Bangla name, district, zone. All sell every day: a demo is the same on a Friday
VENDORS = (
    ("sundarban-agro", "SUN", "Sundarban Agro", "সুন্দরবন এগ্রো", "khulna", "outside"),
    ("cha-bagan", "CHA", "Cha Bagan Tea", "চা বাগান টি", "moulvibazar", "outside"),
    ("jamdani-ghar", "JAM", "Jamdani Ghar", "জামদানি ঘর", "narayanganj", "dhaka_suburb"),
    ("shaplar-saj", "SHA", "Shaplar Saj", "শাপলার সাজ", "dhaka", "dhaka"),
    ("panjabi-para", "PAN", "Panjabi Para", "পাঞ্জাবি পাড়া", "dhaka", "dhaka"),
    ("gadget-ghor", "GAD", "Gadget Ghor", "গ্যাজেট ঘর", "dhaka", "dhaka"),
    ("ma-er-rannaghor", "RAN", "Ma-er Rannaghor", "মায়ের রান্নাঘর", "dhaka", "dhaka"),
    ("akshar-boi", "BOI", "Akshar Boi", "অক্ষর বই", "dhaka", "dhaka"),
    ("matir-tan", "MAT", "Matir Tan Crafts", "মাটির টান", "rajshahi", "outside"),
    ("khokon-sona", "KHO", "Khokon Sona", "খোকন সোনা", "chattogram", "outside"),
    ("rupkothar-rup", "RUP", "Rupkothar Rup", "রূপকথার রূপ", "dhaka", "dhaka"),
    ("sodai-pati", "SOD", "Sodai Pati", "সদাইপাতি", "dhaka", "dhaka"),
    ("hazari-leather", "HAZ", "Hazari Leather", "হাজারী লেদার", "dhaka", "dhaka"),
    ("mathe-khela", "KHE", "Mathe Khela Sports", "মাঠে খেলা", "sylhet", "outside"),
)

#: code, parent, English name, Bangla name
CATEGORIES = (
    ("food", None, "Food", "খাবার"),
    ("honey", "food", "Honey", "মধু"),
    ("oil-ghee", "food", "Oil and ghee", "তেল ও ঘি"),
    ("tea", "food", "Tea", "চা"),
    ("staples", "food", "Rice and lentils", "চাল ও ডাল"),
    ("spices", "food", "Spices", "মসলা"),
    ("snacks", "food", "Snacks and sweets", "নাশতা ও মিষ্টি"),
    ("fashion", None, "Fashion", "ফ্যাশন"),
    ("sarees", "fashion", "Sarees", "শাড়ি"),
    ("women", "fashion", "Women's wear", "মেয়েদের পোশাক"),
    ("men", "fashion", "Men's wear", "ছেলেদের পোশাক"),
    ("shoes", "fashion", "Shoes", "জুতা"),
    ("bags", "fashion", "Bags and wallets", "ব্যাগ ও মানিব্যাগ"),
    ("electronics", None, "Electronics", "ইলেকট্রনিকস"),
    ("phone-accessories", "electronics", "Phone accessories", "মোবাইলের সরঞ্জাম"),
    ("home-appliances", "electronics", "Home appliances", "গৃহস্থালি যন্ত্রপাতি"),
    ("home", None, "Home", "ঘর-গৃহস্থালি"),
    ("kitchen", "home", "Kitchen", "রান্নাঘর"),
    ("crafts", "home", "Handicrafts", "হস্তশিল্প"),
    ("books", None, "Books and stationery", "বই ও খাতা-কলম"),
    ("bangla-books", "books", "Bangla literature", "বাংলা সাহিত্য"),
    ("stationery", "books", "Stationery", "খাতা-কলম"),
    ("kids", None, "Baby and toys", "শিশু ও খেলনা"),
    ("baby-care", "kids", "Baby care", "শিশুর যত্ন"),
    ("toys", "kids", "Toys", "খেলনা"),
    ("beauty", None, "Beauty", "রূপচর্চা"),
    ("skin-care", "beauty", "Skin care", "ত্বকের যত্ন"),
    ("hair-care", "beauty", "Hair care", "চুলের যত্ন"),
    ("sports", None, "Sports", "খেলাধুলা"),
    ("cricket", "sports", "Cricket", "ক্রিকেট"),
    ("football", "sports", "Football", "ফুটবল"),
)

#: weight, (division, district, upazila, area, post code) in English, the same in Bangla
ADDRESSES = (
    (14, ("Dhaka", "Dhaka", "Mirpur", "Mirpur 10", "1216"), ("ঢাকা", "ঢাকা", "মিরপুর", "মিরপুর ১০", "১২১৬")),
    (12, ("Dhaka", "Dhaka", "Uttara", "Sector 7", "1230"), ("ঢাকা", "ঢাকা", "উত্তরা", "সেক্টর ৭", "১২৩০")),
    (12, ("Dhaka", "Dhaka", "Dhanmondi", "Jigatala", "1209"), ("ঢাকা", "ঢাকা", "ধানমন্ডি", "জিগাতলা", "১২০৯")),
    (10, ("Dhaka", "Dhaka", "Mohammadpur", "Iqbal Road", "1207"), ("ঢাকা", "ঢাকা", "মোহাম্মদপুর", "ইকবাল রোড", "১২০৭")),
    (8, ("Dhaka", "Dhaka", "Gulshan", "Gulshan 2", "1212"), ("ঢাকা", "ঢাকা", "গুলশান", "গুলশান ২", "১২১২")),
    (8, ("Dhaka", "Dhaka", "Badda", "Merul Badda", "1212"), ("ঢাকা", "ঢাকা", "বাড্ডা", "মেরুল বাড্ডা", "১২১২")),
    (7, ("Dhaka", "Dhaka", "Khilgaon", "Taltola", "1219"), ("ঢাকা", "ঢাকা", "খিলগাঁও", "তালতলা", "১২১৯")),
    (7, ("Dhaka", "Dhaka", "Jatrabari", "Dhalpur", "1204"), ("ঢাকা", "ঢাকা", "যাত্রাবাড়ী", "ধলপুর", "১২০৪")),
    (6, ("Dhaka", "Dhaka", "Motijheel", "Arambagh", "1000"), ("ঢাকা", "ঢাকা", "মতিঝিল", "আরামবাগ", "১০০০")),
    (5, ("Dhaka", "Dhaka", "Lalbagh", "Azimpur", "1205"), ("ঢাকা", "ঢাকা", "লালবাগ", "আজিমপুর", "১২০৫")),
    (5, ("Dhaka", "Dhaka", "Savar", "Hemayetpur", "1340"), ("ঢাকা", "ঢাকা", "সাভার", "হেমায়েতপুর", "১৩৪০")),
    (4, ("Dhaka", "Dhaka", "Keraniganj", "Jinjira", "1310"), ("ঢাকা", "ঢাকা", "কেরানীগঞ্জ", "জিনজিরা", "১৩১০")),
    (5, ("Dhaka", "Gazipur", "Tongi", "Cherag Ali", "1711"), ("ঢাকা", "গাজীপুর", "টঙ্গী", "চেরাগ আলী", "১৭১১")),
    (4, ("Dhaka", "Gazipur", "Gazipur Sadar", "Joydebpur", "1700"), ("ঢাকা", "গাজীপুর", "গাজীপুর সদর", "জয়দেবপুর", "১৭০০")),
    (5, ("Dhaka", "Narayanganj", "Narayanganj Sadar", "Chashara", "1400"), ("ঢাকা", "নারায়ণগঞ্জ", "নারায়ণগঞ্জ সদর", "চাষাঢ়া", "১৪০০")),
    (8, ("Chittagong", "Chittagong", "Panchlaish", "Muradpur", "4203"), ("চট্টগ্রাম", "চট্টগ্রাম", "পাঁচলাইশ", "মুরাদপুর", "৪২০৩")),
    (6, ("Chattogram", "Chattogram", "Khulshi", "GEC Circle", "4202"), ("চট্টগ্রাম", "চট্টগ্রাম", "খুলশী", "জিইসি মোড়", "৪২০২")),
    (4, ("Chattogram", "Chattogram", "Hathazari", "", "4330"), ("চট্টগ্রাম", "চট্টগ্রাম", "হাটহাজারী", "", "৪৩৩০")),
    (4, ("Chattogram", "Comilla", "Comilla Sadar", "Kandirpar", "3500"), ("চট্টগ্রাম", "কুমিল্লা", "কুমিল্লা সদর", "কান্দিরপাড়", "৩৫০০")),
    (3, ("Chattogram", "Cox's Bazar", "Cox's Bazar Sadar", "Kolatoli", "4700"), ("চট্টগ্রাম", "কক্সবাজার", "কক্সবাজার সদর", "কলাতলী", "৪৭০০")),
    (3, ("Chattogram", "Noakhali", "Noakhali Sadar", "Maijdee", "3800"), ("চট্টগ্রাম", "নোয়াখালী", "নোয়াখালী সদর", "মাইজদী", "৩৮০০")),
    (3, ("Chattogram", "Feni", "Feni Sadar", "Trunk Road", "3900"), ("চট্টগ্রাম", "ফেনী", "ফেনী সদর", "ট্রাংক রোড", "৩৯০০")),
    (5, ("Sylhet", "Sylhet", "Sylhet Sadar", "Zindabazar", "3100"), ("সিলেট", "সিলেট", "সিলেট সদর", "জিন্দাবাজার", "৩১০০")),
    (2, ("Sylhet", "Moulvibazar", "Sreemangal", "", "3210"), ("সিলেট", "মৌলভীবাজার", "শ্রীমঙ্গল", "", "৩২১০")),
    (4, ("Khulna", "Khulna", "Sonadanga", "Boyra", "9000"), ("খুলনা", "খুলনা", "সোনাডাঙ্গা", "বয়রা", "৯০০০")),
    (3, ("Khulna", "Jessore", "Jessore Sadar", "Dorata", "7400"), ("খুলনা", "যশোর", "যশোর সদর", "দড়াটানা", "৭৪০০")),
    (2, ("Khulna", "Kushtia", "Kushtia Sadar", "Mojompur", "7000"), ("খুলনা", "কুষ্টিয়া", "কুষ্টিয়া সদর", "মজমপুর", "৭০০০")),
    (4, ("Rajshahi", "Rajshahi", "Boalia", "Shaheb Bazar", "6100"), ("রাজশাহী", "রাজশাহী", "বোয়ালিয়া", "সাহেব বাজার", "৬১০০")),
    (3, ("Rajshahi", "Bogra", "Bogra Sadar", "Satmatha", "5800"), ("রাজশাহী", "বগুড়া", "বগুড়া সদর", "সাতমাথা", "৫৮০০")),
    (2, ("Rajshahi", "Pabna", "Pabna Sadar", "", "6600"), ("রাজশাহী", "পাবনা", "পাবনা সদর", "", "৬৬০০")),
    (3, ("Rangpur", "Rangpur", "Rangpur Sadar", "Jahaj Company Mor", "5400"), ("রংপুর", "রংপুর", "রংপুর সদর", "জাহাজ কোম্পানি মোড়", "৫৪০০")),
    (2, ("Rangpur", "Dinajpur", "Dinajpur Sadar", "", "5200"), ("রংপুর", "দিনাজপুর", "দিনাজপুর সদর", "", "৫২০০")),
    (3, ("Barisal", "Barisal", "Barisal Sadar", "Notun Bazar", "8200"), ("বরিশাল", "বরিশাল", "বরিশাল সদর", "নতুন বাজার", "৮২০০")),
    (2, ("Barishal", "Patuakhali", "Patuakhali Sadar", "", "8600"), ("বরিশাল", "পটুয়াখালী", "পটুয়াখালী সদর", "", "৮৬০০")),
    (
        3,
        ("Mymensingh", "Mymensingh", "Mymensingh Sadar", "Ganginarpar", "2200"),
        ("ময়মনসিংহ", "ময়মনসিংহ", "ময়মনসিংহ সদর", "গাঙ্গিনারপাড়", "২২০০"),
    ),
    (2, ("Dhaka", "Tangail", "Tangail Sadar", "Akur Takur Para", "1900"), ("ঢাকা", "টাঙ্গাইল", "টাঙ্গাইল সদর", "আকুর টাকুর পাড়া", "১৯০০")),
    (2, ("Dhaka", "Faridpur", "Faridpur Sadar", "Jhiltuli", "7800"), ("ঢাকা", "ফরিদপুর", "ফরিদপুর সদর", "ঝিলটুলি", "৭৮০০")),
)

LANDMARKS = (
    ("near the mosque", "মসজিদের পাশে"),
    ("opposite the primary school", "প্রাথমিক বিদ্যালয়ের বিপরীতে"),
    ("beside the pharmacy", "ফার্মেসির পাশে"),
    ("behind the kitchen market", "কাঁচাবাজারের পেছনে"),
    ("", ""),
)
