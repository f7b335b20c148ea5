"""The bytes of a mail, read by the standard library's newer parser."""

from email import message_from_bytes, policy
from email.message import EmailMessage

import msgspec
import pytest

from haat.engine.outside.mail import composed
from haat.kernel.errors import Refused
from haat.kernel.mail import Mail

MAIL = Mail(
    message_id="01JD@shop.example",
    sender="হাট <shop@shop.example>",
    to="rahima@example.com",
    subject="আপনার অর্ডার 7KQ2-M9XF-4 পাঠানো হয়েছে, আর কাল সন্ধ্যা সাতটার মধ্যে আপনার হাতে পৌঁছাবে",
    text="প্রিয় রহিমা,\n\n.আপনার অর্ডার\r\nপথে আছে।\n",
    html="<p>পথে আছে</p>",
    reply_to="Help <help@shop.example>",
    headers=(("Auto-Submitted", "auto-generated"),),
)


def read(mail: Mail) -> EmailMessage:
    made = composed(mail, 0.0)
    assert made.isascii() and b"\n" not in made.replace(b"\r\n", b"")
    return message_from_bytes(made, policy=policy.default)


def body(mail: Mail, kind: str) -> str:
    part = read(mail).get_body((kind,))
    assert part is not None
    return part.get_content().replace("\r\n", "\n")


def test_a_mail_is_read_as_it_was_written_in_bangla():
    found = read(MAIL)
    assert (found["Subject"], found["To"], found["From"]) == (MAIL.subject, MAIL.to, MAIL.sender)
    assert (found["Message-ID"], found["Reply-To"], found["Auto-Submitted"]) == (f"<{MAIL.message_id}>", MAIL.reply_to, "auto-generated")
    assert found["Date"] == "Thu, 01 Jan 1970 00:00:00 -0000" and found.get_content_type() == "multipart/alternative"
    assert (body(MAIL, "plain"), body(MAIL, "html")) == (MAIL.text.replace("\r\n", "\n"), MAIL.html)


def test_a_mail_without_a_page_is_one_part():
    plain = msgspec.structs.replace(MAIL, html="", text="Your order\nis on its way.")
    assert read(plain).get_content_type() == "text/plain" and body(plain, "plain") == plain.text


@pytest.mark.parametrize("text", ["a" * 998, "a" * 999, "word " * 1_000 + "\nend"])
def test_no_line_is_longer_than_a_server_must_take(text):
    long = msgspec.structs.replace(MAIL, text=text, html=f"<p>{text}</p>")
    assert max(map(len, composed(long, 0.0).split(b"\r\n"))) <= 998
    assert (body(long, "plain"), body(long, "html")) == (text, long.html)


@pytest.mark.parametrize("field", ["to", "subject", "message_id", "headers"])
@pytest.mark.parametrize("word", ["a@b.example", "হাট"])
@pytest.mark.parametrize("line_break", ["\r\n", "\n", "\v", "\x1c", "\u2028"])
def test_a_line_break_in_a_header_is_refused(field, word, line_break):
    broken = f"{word}{line_break}Bcc: all@example.com"
    with pytest.raises(Refused, match="mail_malformed"):
        composed(msgspec.structs.replace(MAIL, **{field: (("X-Haat-Order", broken),) if field == "headers" else broken}), 0.0)


@pytest.mark.parametrize("field", ["sender", "reply_to"])
def test_of_a_mailbox_nothing_but_name_and_address_is_taken(field):
    assert "Bcc" not in read(msgspec.structs.replace(MAIL, **{field: "Haat <a@b.example>\r\nBcc: all@example.com"}))


@pytest.mark.parametrize("address", ["রহিমা@example.com", "rahima@উদাহরণ.বাংলা"])
def test_an_address_that_is_not_ascii_is_refused(address):
    with pytest.raises(Refused, match="mail_malformed"):
        composed(msgspec.structs.replace(MAIL, to=address), 0.0)
