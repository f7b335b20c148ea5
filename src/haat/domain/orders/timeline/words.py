"""Stable words of the trade in plain words, English and Bangla: methods, couriers, reasons, holds, calendars.

A reason that stands in no list here was typed by somebody: staff read it as it stands, buyers read no reason at all.
"""

from collections.abc import Mapping

Both = tuple[str, str]
Words = Mapping[str, Both]

DAYS = (
    ("Mon", "সোম"), ("Tue", "মঙ্গল"), ("Wed", "বুধ"), ("Thu", "বৃহস্পতি"), ("Fri", "শুক্র"), ("Sat", "শনি"), ("Sun", "রবি"),
)  # fmt: skip
MONTHS = (
    ("Jan", "জানুয়ারি"), ("Feb", "ফেব্রুয়ারি"), ("Mar", "মার্চ"), ("Apr", "এপ্রিল"), ("May", "মে"), ("Jun", "জুন"),
    ("Jul", "জুলাই"), ("Aug", "আগস্ট"), ("Sep", "সেপ্টেম্বর"), ("Oct", "অক্টোবর"), ("Nov", "নভেম্বর"), ("Dec", "ডিসেম্বর"),
)  # fmt: skip
#: Ways to pay and those who take the money.
PAYERS: Words = {
    "cod": ("cash on delivery", "ক্যাশ অন ডেলিভারি"),
    "bkash": ("bKash", "বিকাশ"),
    "nagad": ("Nagad", "নগদ"),
    "sslcommerz": ("SSLCOMMERZ", "এসএসএলকমার্জ"),
    "stripe": ("Stripe", "স্ট্রাইপ"),
    "card": ("card", "কার্ড"),
    "invoice": ("invoice", "ইনভয়েস"),
    "credit": ("credit", "বাকি"),
}
CHANNELS: Words = {
    "web": ("the web shop", "ওয়েবসাইট"),
    "app": ("the app", "অ্যাপ"),
    "facebook": ("Facebook", "ফেসবুক"),
}
COURIERS: Words = {
    "pathao": ("Pathao", "পাঠাও"),
    "steadfast": ("Steadfast", "স্টেডফাস্ট"),
    "redx": ("RedX", "রেডএক্স"),
    "own": ("our own rider", "আমাদের নিজস্ব রাইডার"),
    "self": ("the seller", "বিক্রেতা নিজে"),
}
PAYMENT_FAILURES: Words = {
    "insufficient_funds": ("there was not enough money", "হিসাবে যথেষ্ট টাকা ছিল না"),
    "limit_exceeded": ("it is above the limit of the account", "হিসাবের সীমার বেশি"),
    "declined": ("it was declined", "গ্রহণ করা হয়নি"),
    "authentication_failed": ("the PIN or code was wrong or came too late", "পিন বা কোড ভুল ছিল বা দেরিতে এসেছে"),
    "invalid_account": ("the account cannot be used", "হিসাবটি ব্যবহার করা যাচ্ছে না"),
    "expired_card": ("the card has expired", "কার্ডের মেয়াদ শেষ"),
    "suspected_fraud": ("it was declined as suspicious", "সন্দেহজনক বলে গ্রহণ করা হয়নি"),
    "cancelled_by_buyer": ("it was broken off", "পেমেন্ট মাঝপথে বন্ধ করা হয়েছে"),
    "cancelled": ("it was broken off", "পেমেন্ট মাঝপথে বন্ধ করা হয়েছে"),
    "expired": ("it took too long", "বেশি সময় লেগে গেছে"),
    "duplicate": ("it was sent twice", "একই অনুরোধ দুবার পাঠানো হয়েছে"),
    "already_done": ("it had been done already", "আগেই সম্পন্ন হয়েছিল"),
    "not_found": ("the payment is not known there", "পেমেন্টটির খোঁজ পাওয়া যায়নি"),
    "invalid_request": ("the request was not accepted", "অনুরোধটি গ্রহণ করা হয়নি"),
    "mismatch": ("the amounts do not agree", "টাকার অঙ্ক মেলেনি"),
    "misconfigured": ("it is not set up rightly", "সংযোগ ঠিকভাবে সাজানো নেই"),
    "maintenance": ("it is being maintained", "রক্ষণাবেক্ষণ চলছে"),
    "gateway_error": ("it had a disturbance", "সাময়িক সমস্যা ছিল"),
    "voided": ("it was let go", "ছেড়ে দেওয়া হয়েছে"),
    "refused": ("it was refused", "প্রত্যাখ্যান করা হয়েছে"),
    "other": ("it gave no clear reason", "স্পষ্ট কারণ জানানো হয়নি"),
}
DISPUTES: Words = {
    "inquiry": ("it asks first, no money has moved", "আগে প্রশ্ন করেছে, টাকা এখনো নেওয়া হয়নি"),
    "needs_response": ("the money was taken back and it has to be answered", "টাকা ফেরত নেওয়া হয়েছে, উত্তর দিতে হবে"),
    "under_review": ("the bank looks at our answer", "ব্যাংক আমাদের উত্তর দেখছে"),
    "appealed": ("the decision is contested", "সিদ্ধান্তের বিরুদ্ধে আপিল হয়েছে"),
    "won": ("it was decided for us, the money is ours", "সিদ্ধান্ত আমাদের পক্ষে, টাকা আমাদের"),
    "lost": ("it was decided against us, the money is gone", "সিদ্ধান্ত আমাদের বিপক্ষে, টাকা চলে গেছে"),
    "withdrawn": ("it was withdrawn", "আপত্তি তুলে নেওয়া হয়েছে"),
}
DELIVERIES: Words = {
    "customer_refused": ("the parcel was not accepted", "পার্সেলটি গ্রহণ করা হয়নি"),
    "customer_unreachable": ("nobody could be reached by phone", "ফোনে কাউকে পাওয়া যায়নি"),
    "not_at_home": ("nobody was at home", "বাসায় কেউ ছিলেন না"),
    "wrong_address": ("the address could not be found", "ঠিকানা খুঁজে পাওয়া যায়নি"),
    "reschedule_asked": ("another day was asked for", "অন্য দিন চাওয়া হয়েছে"),
    "cash_not_ready": ("the money was not ready", "টাকা প্রস্তুত ছিল না"),
    "item_mismatch": ("the goods were not as expected", "পণ্য মেলেনি"),
    "area_not_served": ("the courier does not go there", "কুরিয়ার ওই এলাকায় যায় না"),
    "carrier_capacity": ("the courier had too many parcels", "কুরিয়ারের চাপ বেশি ছিল"),
    "weather_or_strike": ("weather or closed roads did not allow it", "আবহাওয়া বা রাস্তা বন্ধ থাকায় যাওয়া যায়নি"),
    "seller_not_ready": ("the parcel was not ready", "পার্সেল প্রস্তুত ছিল না"),
    "suspected_fake_attempt": ("the courier may not have come at all", "কুরিয়ার সম্ভবত আসেইনি"),
    "too_many_tries": ("it was tried too often", "অনেকবার চেষ্টা করা হয়েছে"),
    "courier_cancelled": ("the courier gave it back", "কুরিয়ার ফেরত দিয়েছে"),
    "returned": ("it could not be delivered", "পৌঁছে দেওয়া যায়নি"),
    "damaged": ("it was damaged", "পার্সেল ক্ষতিগ্রস্ত হয়েছে"),
    "lost": ("it cannot be found", "পার্সেল খুঁজে পাওয়া যাচ্ছে না"),
    "other": ("the courier gave no clear reason", "কুরিয়ার স্পষ্ট কারণ জানায়নি"),
}
#: Why an order, or part of it, ends; why money goes back; why a parcel was called back.
ENDINGS: Words = {
    "customer_request": ("the buyer asked for it", "ক্রেতার অনুরোধে"),
    "changed_mind": ("the buyer decided otherwise", "ক্রেতার মত বদলেছে"),
    "duplicate": ("it was ordered twice", "একই অর্ডার দুবার দেওয়া হয়েছিল"),
    "late_delivery": ("the delivery was late", "পৌঁছাতে দেরি হয়েছে"),
    "not_available": ("nobody can send it", "পণ্যটি কেউ পাঠাতে পারছে না"),
    "out_of_stock": ("the goods are not to be had any more", "পণ্য আর পাওয়া যাচ্ছে না"),
    "vendor_cannot_send": ("its vendor cannot send it", "বিক্রেতা পণ্যটি পাঠাতে পারছেন না"),
    "exception": ("it could not be carried out", "এটি সম্পন্ন করা যায়নি"),
    "not_paid_in_time": ("it was not paid in time", "সময়মতো পরিশোধ হয়নি"),
    "paid_late": ("its money came late", "টাকা দেরিতে এসেছে"),
    "paid_another_way": ("it is paid another way", "অন্য উপায়ে পরিশোধ হচ্ছে"),
    "order_shrank": ("the order became smaller", "অর্ডার ছোট হয়েছে"),
    "orphaned": ("it was not owed any more", "টাকাটি আর পাওনা ছিল না"),
    "not_collected": ("nobody will collect it any more", "এটি আর কেউ সংগ্রহ করবে না"),
    "cancelled": ("the order was cancelled", "অর্ডার বাতিল হয়েছে"),
    "expired": ("the order was not paid in time", "অর্ডারের টাকা সময়মতো আসেনি"),
    "rejected": ("the order could not be served", "অর্ডারটি দেওয়া সম্ভব হয়নি"),
}
#: Reasons of our own for an ending that buyers are not told.
INSIDE: Words = {"screening": ("the fraud screening", "প্রতারণা যাচাই")}
REJECTIONS: Words = {
    "out_of_stock": ("out of stock", "মজুত নেই"),
    "closed": ("closed", "দোকান বন্ধ"),
    "wrong_price": ("the price is wrong", "দাম ভুল"),
    "cannot_deliver": ("cannot deliver there", "ওখানে পাঠাতে পারছে না"),
    "no_answer": ("no answer in time", "সময়মতো উত্তর আসেনি"),
    "other": ("another reason", "অন্য কারণ"),
}
SHORTAGES: Words = {
    "short": ("no place has enough of it", "কোনো গুদামে যথেষ্ট নেই"),
    "nodes_full": ("the places that have it are full today", "যেসব গুদামে আছে সেগুলোর আজকের ক্ষমতা শেষ"),
    "refused_by_all": ("everybody who has it has refused", "যাদের কাছে আছে সবাই ফিরিয়ে দিয়েছে"),
}
PROMISES: Words = {
    "late": ("it is delayed on the way", "পথে দেরি হচ্ছে"),
    "delayed": ("it is delayed on the way", "পথে দেরি হচ্ছে"),
    "backordered": ("we wait for goods", "পণ্য আসার অপেক্ষা"),
    "planned": ("the place that sends it needs longer", "যেখান থেকে পাঠানো হবে সেখানে বেশি সময় লাগবে"),
    "replanned": ("it is sent from another place", "অন্য জায়গা থেকে পাঠানো হচ্ছে"),
    "courier": ("its courier needs longer to there", "কুরিয়ারের পৌঁছাতে বেশি সময় লাগবে"),
    "rescheduled": ("the day that was agreed", "ঠিক করে নেওয়া দিন"),
    "reschedule_asked": ("another day was asked for", "অন্য দিন চাওয়া হয়েছে"),
}
HOLDS: Words = {
    "FRAUD_REVIEW": ("a fraud review", "প্রতারণা পর্যালোচনা"),
    "PAYMENT_PENDING": ("a payment", "পেমেন্ট"),
    "ADDRESS": ("its address", "ঠিকানা"),
    "STOCK": ("its stock", "মজুত"),
    "VENDOR_ACK": ("a vendor's answer", "বিক্রেতার উত্তর"),
    "CUSTOMER_REQUEST": ("the buyer, who asked for it", "ক্রেতার অনুরোধ"),
    "COMPLIANCE": ("a compliance check", "নিয়ম-কানুন যাচাই"),
    "MANUAL": ("somebody to look at it", "কারও দেখার অপেক্ষা"),
    "DUPLICATE": ("a likely duplicate", "একই অর্ডার দুবার কি না"),
}
OUTCOMES: Words = {"pass": ("passed", "উত্তীর্ণ"), "review": ("to be reviewed", "পর্যালোচনা দরকার"), "reject": ("rejected", "প্রত্যাখ্যাত")}
REPAIRS: Words = {
    "retry": ("tried again", "আবার চেষ্টা করা হচ্ছে"),
    "skip": ("skipped", "ধাপটি বাদ দেওয়া হয়েছে"),
    "cancel_order": ("the order was cancelled", "অর্ডার বাতিল করা হয়েছে"),
}


def said(words: Words, word: str) -> Both:
    """The word in plain words, for staff: one that is not listed stands as it was written."""
    return words.get(word) or (word.replace("_", " "), word.replace("_", " "))


def reason(words: Words, word: str) -> Both:
    """` (reason)` for staff, nothing where there is none."""
    if not word:
        return "", ""
    english, bangla = said(words, word)
    return f" ({english})", f" ({bangla})"


def told(words: Words, word: str) -> Both:
    """` (reason)` for buyers: nothing where the reason is none of ours."""
    return reason(words, word) if word in words else ("", "")


def name(words: Words, code: str) -> Both:
    """What bears a name: a courier, a gateway, a vendor. `cha-bagan` is Cha Bagan."""
    return words.get(code) or (code.replace("_", " ").replace("-", " ").title(),) * 2
