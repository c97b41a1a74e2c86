"""The vectors of the notes (§1.6): those that the vendor published, and those worked out apart from this code."""

from __future__ import annotations

from typing import NamedTuple


class Vector(NamedTuple):
    timestamp: str
    nonce: str
    encrypted: str
    signature: str


OFFICIAL_TOKEN = b"QDG6eK"
OFFICIAL_KEY = "jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C"
OFFICIAL_RECEIVER = "wx5823bf96d3bd56c7"
OFFICIAL_GET = Vector(
    "1409659589",
    "263014780",
    ("P9nAzCzyDtyTWESHep1vC5X9xho/qYX3Zpb4yKa9SKld1DsH3Iyt3tP3zNdtp+4RPcs8TgAE7OaBO+FZXvnaqQ=="),
    "5c45ff5e21c57e6ad56bac8758b79b1d9ac89fd3",
)
OFFICIAL_JSON = Vector(
    "1409659813",
    "1372623149",
    (
        "CZWs4CWRpI4VolQlvn4dlEC1alN2MUEY2VklGehgBVLBrlVF7SyT+SV+Toj43l4ayJ9UMGKphktKKmP7B2j/P1ey"
        "67XB8PBgS7Wr5/8+w/yWriZv3Vmoo/MH3/1HsIWZrPQ3N2mJrelStIfI2Y8kLKXA7EhfZgZX4o+ffdkZDM76SEl7"
        "9Ib9mw7TGjZ9Aw/x/A2VjNbV1E8BtEbRxYYcQippYNw7hr8sFfa3nW1xLdxokt8QkRX83vK3DFP2F6TQFPL2Tu98"
        "UwhcUpPvdJBuu1/yiOQIScppV3eOuLWEsko="
    ),
    "0623cbc5a8cbee5bcc137c70de99575366fc2af3",
)
OFFICIAL_XML = Vector(
    "1409659813",
    "1372623149",
    (
        "RypEvHKD8QQKFhvQ6QleEB4J58tiPdvo+rtK1I9qca6aM/wvqnLSV5zEPeusUiX5L5X/0lWfrf0QADHHhGd3Qczc"
        "dCUpj911L3vg3W/sYYvuJTs3TUUkSUXxaccAS0qhxchrRYt66wiSpGLYL42aM6A8dTT+6k4aSknmPj48kzJs8qLj"
        "vd4Xgpue06DOdnLxAUHzM6+kDZ+HMZfJYuR+LtwGc2hgf5gsijff0ekUNXZiqATP7PF5mZxZ3Izoun1s4zG4LUMn"
        "vw2r+KqCKIw+3IQH03v+BCA9nMELNqbSf6tiWSrXJB3LAVGUcallcrw8V2t9EL4EhzJWrQUax5wLVMNS0+rUPA3k"
        "22Ncx4XXZS9o0MBH27Bo6BpNelZpS+/uh9KsNlY6bHCmJU9p8g7m3fVKn28H3KDYA5Pl/T8Z1ptDAVe0lXdQ2Yoy"
        "yH2uyPIGHBZZIs2pDBS8R07+qN+E7Q=="
    ),
    "477715d11cdb4164915debcba66cb864d751f3e6",
)

TOKEN = b"demoToken2026"
KEY = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"
CORP = "ww0123456789abcdef"
GET = Vector(
    "1763784000",
    "n0nce42",
    ("4j/AuRx71kQlxVlzbpsMWIr67xaU3HsNk8IKz8y9w/mo6L7dCBMwly5fzt236kX6hkUibp7Rf1ot/tp793dIoA=="),
    "1863f47760edba900b59e11d19966e5bd5f0d657",
)
GET_RANDOM, GET_ANSWER = b"0123456789abcdef", b"7788990011223344556"
EVENT = Vector(
    "1763784000",
    "n0nce42",
    (
        "wrNmYnsdngNwZHPRm4NnS7jafVi8nQnEPXhXaLFj1WLWHotqLALQ83C3Gy9sAy0ffo4BWLo5XF79zyV80RX3k0C8"
        "IwcOXdc4GmIErRLFwN4Ku0uEBuOkXB+HeLQAvqoE6G7sCHN3fmhl3GOsHlLZZgZXiHEvJ2GrwWPaHUPU2f+Rmhjk"
        "ktp/LBsaaPnIPavdK1XyHf0i8M598CQ988oGeINwSLcL4TdIgjDMK6mZySYh/+xBgb5GYC1051cK97gJk40dxsRQ"
        "EIt3kbKQcXcAA04qHXmE5iYvTfOtj1Jw6zMIr5HIrcMaf53DTqODx4If5V3FrUBg9T+wOPrmvF8MG39N8q+eGcRL"
        "dgLRlRO6+8fI0K4Oq4KPvO9TtzQ6JSHDvnH3z4C0IYV1mcan+5mCBsrB3cPoYnA8/gYMCA8FfO3fi0HEKM1BT7yE"
        "ZCtNc3tgm6lT4/sAP+Dzi1ZL090SN6CSPFz9XoQ/sOX8/jfGw5Kz4hTB/BItOcc+VWu6ROSoxsik9f4Gaas2Bdo+"
        "lnL4kSsI20VlMRybFrFbHQMYVjpCQMdlAA9a2k8ORTncv4coqPt8ZgvcR3W5SFvSlTNj8cTyX60SC9RXTalM9uIx"
        "vevZfZEaUCSx8vhVHF+O0ShP4/HiqrCt9C/67EHDUG55kh4GlS4gqxrsOBwFYJfMdDEzxLgu1F5IOGWMA5xmeb8U"
        "82sNl5fqDrz6BQ6wFiQE0g=="
    ),
    "eb2fe7ced6aae7026e264e63142b39e345d0bb7d",
)
EVENT_RANDOM = b"fedcba9876543210"
EVENT_XML = (
    b"<xml><ToUserName><![CDATA[ww0123456789abcdef]]></ToUserName><FromUserName><![CDA"
    b"TA[sys]]></FromUserName><CreateTime>1763784000</CreateTime><MsgType><![CDATA[eve"
    b"nt]]></MsgType><Event><![CDATA[change_external_contact]]></Event><ChangeType><!["
    b"CDATA[add_external_contact]]></ChangeType><UserID><![CDATA[zhangsan]]></UserID><"
    b"ExternalUserID><![CDATA[wmDEMO0000000000000000000000001]]></ExternalUserID><Stat"
    b"e><![CDATA[bd_sem_01]]></State><WelcomeCode><![CDATA[WC_DEMO]]></WelcomeCode></x"
    b"ml>"
)
REPLY_SIGNATURE, REPLY_RANDOM = "4168198203c1d47bb60fb1d70c5a646deb5f5453", b"AAAABBBBCCCCDDDD"
REPLY_XML = (
    b"<xml><ToUserName><![CDATA[zhangsan]]></ToUserName>"
    b"<FromUserName><![CDATA[ww0123456789abcdef]]></FromUserName>"
    b"<CreateTime>1763784001</CreateTime><MsgType><![CDATA[text]]></MsgType>"
    b"<Content><![CDATA[ok]]></Content></xml>"
)
