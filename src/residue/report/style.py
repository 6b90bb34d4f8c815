"""The page's style sheet: light or dark as the reader's system says, phone to print."""

CSS = """
:root{color-scheme:light dark;
--sans:system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans","DejaVu Sans",sans-serif;
--paper:#fff;--ink:#22262b;--muted:#5b646d;--line:#d8dde2;--band:#eaeef2;--soft:#f6f8f9;
--edit0:#0072b2;--edit1:#d55e00;--edit2:#009e73;--edit3:#b8578c;--edit4:#b87a00;--edit5:#2b8cc4;
--supported:#005f94;--refuted:#b34700;--inconclusive:#5b646d}
@media (prefers-color-scheme:dark){:root{
--paper:#14171a;--ink:#e4e7ea;--muted:#9aa4ad;--line:#343b42;--band:#232a30;--soft:#1b1f23;
--edit0:#56b4e9;--edit1:#ff8a3d;--edit2:#2cc69b;--edit3:#e39cc6;--edit4:#f0b429;--edit5:#8fd0f5;
--supported:#6cc0ee;--refuted:#ff9a57;--inconclusive:#9aa4ad}}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%}
body{margin:0;overflow-wrap:anywhere;
background:var(--paper);color:var(--ink);font:16px/1.55 var(--sans)}
main,header,footer{max-width:72rem;margin:0 auto;padding:0 1.25rem}
header{padding-top:2.5rem}
h1{font-size:1.75rem;line-height:1.2;margin:0 0 .4rem;letter-spacing:-.01em}
h2{font-size:1.25rem;margin:3rem 0 .6rem;padding-top:1rem;border-top:1px solid var(--line)}
h3{font-size:1rem;margin:1.8rem 0 .4rem}
p,dl,ul{max-width:44rem;margin:.5rem 0 .9rem}
.lead{font-size:1.05rem;color:var(--muted);margin-top:0}
.notice{display:inline-block;margin:.6rem 0;padding:.35rem .75rem;
border-left:3px solid var(--edit1);background:var(--soft);max-width:44rem}
.small,figcaption,caption{font-size:.875rem;color:var(--muted)}
a{color:inherit;text-decoration-color:var(--muted);text-underline-offset:.15em}
code{font:.875em ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace}
.card{margin:1.4rem 0 0}
.card h3{margin:0 0 .5rem}
.card h3 small{font-weight:400;color:var(--muted)}
.cells{display:grid;gap:.75rem;grid-template-columns:repeat(auto-fill,minmax(min(100%,18rem),1fr))}
.cell{border:1px solid var(--line);border-radius:6px;padding:.8rem .9rem;background:var(--soft);
break-inside:avoid}
.cell.empty{color:var(--muted);background:none;border-style:dashed}
.claim{font-weight:600}
.verdict{display:block;font-weight:650;font-size:1.05rem}
.supported .verdict,td.supported{color:var(--supported)}
.refuted .verdict,td.refuted{color:var(--refuted)}
.inconclusive .verdict,td.inconclusive{color:var(--inconclusive)}
.value{display:block;font-size:1.05rem;font-variant-numeric:tabular-nums}
.cell .small{display:block;margin-top:.3rem;line-height:1.4}
.strip{display:block;width:100%;max-width:24rem;height:auto;margin:.5rem 0 .2rem}
.strip .zone{fill:var(--line)}
.strip .zero{stroke:var(--muted);stroke-width:1;stroke-dasharray:2 2}
.strip .span{stroke:currentColor;stroke-width:2}
.strip circle{fill:currentColor}
svg.supported{color:var(--supported)}svg.refuted{color:var(--refuted)}
svg.inconclusive{color:var(--inconclusive)}
.figures{display:grid;gap:1rem 3rem;align-items:start;
grid-template-columns:repeat(auto-fit,minmax(min(100%,30rem),1fr))}
figure{margin:1rem 0;max-width:40rem}
figure svg{display:block;width:100%;height:auto;max-width:40rem}
.wide figure{max-width:none}.wide figure svg{min-width:40rem;max-width:52rem}
.wide figcaption{max-width:40rem}
figure svg *{stroke-linejoin:round;stroke-linecap:butt}
figcaption{margin-top:.5rem}
.scroll{overflow-x:auto;margin:.8rem 0 1.4rem}
table{border-collapse:collapse;font-size:.875rem;font-variant-numeric:tabular-nums}
caption{text-align:left;padding-bottom:.4rem;max-width:calc(100vw - 2rem)}
th,td{text-align:left;padding:.32rem .9rem .32rem 0;vertical-align:top;white-space:nowrap;
border-bottom:1px solid var(--line)}
thead th{font-weight:600;color:var(--muted);vertical-align:bottom}
tbody th{font-weight:600}
.heat{display:block;margin:-.1rem 0;padding:.1rem .4rem;border-radius:4px;
background:color-mix(in srgb,var(--edit1) calc(.55*var(--share,0%)),transparent)}
mark{background:color-mix(in srgb,var(--edit1) 30%,transparent);color:inherit}
.long{white-space:normal;width:min(17rem,72vw)}
td.number,th.number{text-align:right}
td small,th small{color:var(--muted);font-weight:400}
dl{display:grid;grid-template-columns:minmax(7rem,12rem) 1fr;gap:.3rem 1rem}
dt{font-weight:600}dd{margin:0}
details{margin:.8rem 0}
summary{cursor:pointer;font-weight:600}
footer{margin-top:3rem;padding-bottom:3rem;color:var(--muted);font-size:.875rem}
@media (max-width:40rem){body{font-size:15px}header{padding-top:1.4rem}
main,header,footer{padding-left:1rem;padding-right:1rem}h1{font-size:1.4rem}.cell.empty{display:none}
dl{grid-template-columns:1fr;gap:0}dd{margin-bottom:.6rem}}
@media print{:root{color-scheme:light}body{font-size:10pt}h2{break-after:avoid}
figure,.card,tr{break-inside:avoid}.scroll{overflow:visible}th,td{white-space:normal}}
"""
