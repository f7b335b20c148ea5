"""Examples that the API's description shows; every one of them works against the demo market, and a test tries them all."""

ADDRESS = {
    "recipient": "Rahima Khatun",
    "phone": "01712-345678",
    "division": "Dhaka",
    "district": "Dhaka",
    "upazila": "Mirpur",
    "area": "Mirpur 10",
    "line": "House 12, Road 5",
    "landmark": "Beside the stadium",
    "postcode": "1216",
}
SKU = "DEMO-001"
VENDOR_CODE = "matir-tan"
OTHER_VENDOR_CODE = "khokon-sona"
PLACE_ORDER = {
    "channel": "web",
    "customer": {"name": "Rahima Khatun", "phone": "01712345678"},
    "ship_to": ADDRESS,
    "lines": [{"sku": SKU, "quantity": 2}],
    "payment_method": "cod",
}
QUOTE = {"channel": "web", "ship_to": ADDRESS, "lines": [{"sku": SKU, "quantity": 2}], "coupons": ["BOISHAKH10"]}
CANCELLATION = {"reason": "customer_request", "lines": [{"line_no": 1, "quantity": 1}]}
HOLD = {"kind": "MANUAL", "reason": "call_customer", "detail": "The landmark is not clear."}
NOTE = {"text": "Customer asked for evening delivery.", "audience": "vendor"}
REORDER = {"preview": True}
PRODUCT = {
    "sku": "MAT-LAMP-CLAY",
    "vendor": VENDOR_CODE,
    "name_en": "Clay lamp, hand painted",
    "name_bn": "হাতে আঁকা মাটির প্রদীপ",
    "category": "crafts",
    "price": 18_000,
    "weight_g": 350,
    "images": ["https://example.com/lamp.jpg"],
}
IMPORTED = '{"sku": "MAT-LAMP-BRASS", "vendor": "matir-tan", "name_en": "Brass lamp", "name_bn": "পিতলের প্রদীপ", "price": 95000}\n'
CATEGORIES = {"categories": [{"code": "lamps", "parent": "crafts", "name_en": "Lamps", "name_bn": "প্রদীপ"}]}
MOVEMENTS = {"movements": [{"sku": SKU, "location": "dhaka-tejgaon", "quantity": 24, "reason": "receipt", "reference": "GRN-1042"}]}
STOCK_TERMS = {"terms": [{"sku": SKU, "location": "dhaka-tejgaon", "backorder_limit": 10, "safety": {"facebook": 3, "*": 1}}]}
LOCATION = {"name": "Rajshahi hub", "name_bn": "রাজশাহী হাব", "kind": "warehouse", "district": "rajshahi", "priority": 60}
VENDOR = {
    "code": OTHER_VENDOR_CODE,
    "name_en": "Khokon Sona",
    "name_bn": "খোকন সোনা",
    "city": "chattogram",
    "zone": "outside",
    "hours": [[5, 540, 1260], [6, 540, 1260], [0, 540, 1260], [1, 540, 1260], [2, 540, 1260], [3, 540, 1260]],
    "closures": [["2027-03-19", "2027-03-22"]],
}
STATUS_CHANGE = {"status": "on_leave", "reason": "Eid holidays"}
KYC = {"bin": "123456789-0101", "tin": "123456789012", "trade_licence": "TRAD/DSCC/012345/2026", "dbid": "100200300"}
KEY = {"role": "vendor", "subject": VENDOR_CODE, "name": "Packing desk", "scopes": ["vendor_orders:read"], "rate_per_minute": 600}
BLOCK = {"kind": "phone", "value": "01812345678", "reason": "Refused five parcels at the door", "until": "2027-12-31T00:00:00Z"}
CHANNEL = {"code": "shop-2", "kind": "web", "name": "Second shop", "currency": "BDT", "language": "bn", "price_list": "retail"}
CONNECTION = {"kind": "gateway", "plugin": "cod", "title": "Cash at the door", "priority": 200}
PRICE_LIST = {"code": "members", "currency": "BDT", "title": "Members", "customer_groups": ["members"], "priority": 30}
PROMOTION = {
    "code": "LAMPS-10",
    "kind": "percent",
    "args": {"rate": 1_000},
    "title": "প্রদীপে ১০% ছাড়",
    "conditions": {"categories": ["lamps"], "minimum_total": 50_000},
    "funded_by": "vendor",
}
SHIPPING_RATE = {"code": "express-dhaka", "currency": "BDT", "amount": 12_000, "method": "express", "zone": "dhaka"}
FEE_RATE = {"code": "insurance", "currency": "BDT", "service": "insurance", "rate": 100, "minimum": 1_000}
PRICE_RULE = {
    "code": "last-lamps",
    "signal": "stock",
    "categories": ["lamps"],
    "bands": [{"at_least": 0, "change": 500}, {"at_least": 10, "change": 0}],
}
TAX_RATE = {"tax_class": "standard", "rate": 1_500, "starts_at": "2027-07-01T00:00:00+06:00"}
PRICES = {"prices": [{"sku": SKU, "list": "wholesale", "amount": 40_000, "min_quantity": 10}]}
COUPON = {"promotion": "WELCOME", "uses": 500}
COUPON_BATCH = {"batch": "eid-2027", "prefix": "EID27-", "promotion": "EID-GIFT", "count": 3}
#: Values of path parameters under which the examples stand, by path.
PATHS = {
    "/v1/couriers/{code}/areas": {"code": "pathao"},
    "/v1/couriers/{code}/tariffs": {"code": "pathao"},
    "/v1/payment-routes/{code}": {"code": "cards"},
    "/v1/fraud-policies/{channel}": {"channel": "web"},
    "/v1/courier-rules/{code}": {"code": "heavy"},
    "/v1/sourcing-rules/{code}": {"code": "dhaka-first"},
    "/v1/nodes/{location}": {"location": "dhaka-tejgaon"},
    "/v1/products/{sku}": {"sku": "MAT-LAMP-CLAY"},
    "/v1/locations/{code}": {"code": "rajshahi"},
    "/v1/vendors/{code}": {"code": OTHER_VENDOR_CODE},
    "/v1/channels/{code}": {"code": "shop-2"},
    "/v1/connections/{code}": {"code": "door"},
    "/v1/price-lists/{code}": {"code": "members"},
    "/v1/promotions/{code}": {"code": "LAMPS-10"},
    "/v1/shipping-rates/{code}": {"code": "express-dhaka"},
    "/v1/fee-rates/{code}": {"code": "insurance"},
    "/v1/price-rules/{code}": {"code": "last-lamps"},
    "/v1/coupons/{code}": {"code": "WELCOME500"},
    "/v1/coupon-batches/{code}": {"code": "eid-2027"},
    "/v1/notification-templates/{event}/{role}/{channel}/{language}": {
        "event": "placed",
        "role": "customer",
        "channel": "sms",
        "language": "en",
    },
    "/v1/price-lists/{code}/prices/{sku}": {"code": "wholesale", "sku": SKU},
}

SOURCING_RULE = {"code": "dhaka-first", "strategy": "nearest", "position": 10, "conditions": {"zones": ["dhaka"]}, "forbid": []}
NODE = {
    "location": "dhaka-tejgaon",
    "capacity": 400,
    "cut_off": "17:00",
    "handling": 1500,
    "rates": {"same_district": {"first": 6000}, "*": {"first": 12000}},
}
SIMULATION = {"lines": [{"sku": SKU, "quantity": 1}], "ship_to": {"district": "Dhaka", "upazila": "Mirpur"}, "channel": "web"}
REJECTION = {"reason": "out_of_stock", "detail": "The last one was broken.", "lines": [{"line_no": 1, "quantity": 1}]}
PACKING = {"weight_g": 850, "lines": [{"line_no": 1, "quantity": 1}]}
SCAN = {"status": "delivery_failed", "reason": "customer_unreachable", "message": "No answer, called twice."}
BOOKING = {"consignment": "DL121224VS8TTJ", "reference": "HT-0000-1"}
RESCHEDULE = {"to": "2026-12-01T15:00:00+06:00", "reason": "reschedule_asked"}
ANOTHER_DAY = {"to": "2026-12-01T15:00:00+06:00"}
PAUSE = {"reason": "The buyer moves house; nothing is to be sent this week."}
RESUMPTION = {"reason": "The new address is known."}
REPAIR = {"repair": "retry", "reason": "The courier's key was renewed."}
REPAIRS = {"repair": "retry", "reason": "The courier's key was renewed.", "flow": "fulfilment", "step": "book", "cause": "misconfigured"}
