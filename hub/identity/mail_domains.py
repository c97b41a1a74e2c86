"""Domains whose mailboxes anybody can have: an address there says nothing of a company. Data."""

from __future__ import annotations

_FREE_MAIL = (
    "qq.com vip.qq.com foxmail.com 163.com vip.163.com 126.com vip.126.com yeah.net 188.com netease.com"
    " sina.com sina.cn vip.sina.com sohu.com vip.sohu.com tom.com 21cn.com 139.com 189.cn wo.cn aliyun.com"
    " 263.net eyou.com hexun.com msn.com msn.cn hotmail.com hotmail.co.uk outlook.com outlook.cn live.com"
    " live.cn gmail.com googlemail.com yahoo.com yahoo.com.cn yahoo.cn yahoo.com.hk yahoo.com.tw yahoo.co.jp"
    " icloud.com me.com mac.com aol.com mail.com gmx.com gmx.de gmx.net web.de yandex.com yandex.ru mail.ru"
    " proton.me protonmail.com zoho.com naver.com hanmail.net daum.net 2925.com chinaren.com 56.com"
    " duck.com privaterelay.appleid.com qq.vip.com petalmail.com ymail.com rocketmail.com inbox.ru"
)
FREE_MAIL = frozenset(_FREE_MAIL.split())
