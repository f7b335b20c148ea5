"""Examples that the API's description shows; every one of them works against the demo market."""

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
PLACE_ORDER = {
    "channel": "web",
    "customer": {"name": "Rahima Khatun", "phone": "01712345678"},
    "ship_to": ADDRESS,
    "lines": [{"sku": "DEMO-001", "quantity": 2}],
    "payment_method": "cod",
}
QUOTE = {"channel": "web", "ship_to": ADDRESS, "lines": [{"sku": "DEMO-001", "quantity": 2}], "coupons": ["BOISHAKH10"]}
CANCELLATION = {"reason": "customer_request", "lines": [{"line_no": 1, "quantity": 1}]}
HOLD = {"kind": "MANUAL", "reason": "call_customer", "detail": "The landmark is not clear."}
NOTE = {"text": "Customer asked for evening delivery.", "audience": "vendor"}
