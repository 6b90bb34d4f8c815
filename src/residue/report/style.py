"""The page's style sheet: light or dark as the reader's system says, phone to print."""

CSS = """
:root{color-scheme:light dark;
--sans:system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans","DejaVu Sans",sans-serif;
--paper:#fff;--ink:#22262b;--muted:#5b646d;--line:#d8dde2;--band:#eaeef2;--soft:#f6f8f9;
--edit0:#0072b2;--edit1:#b94f00;--edit2:#007d5a;--edit3:#a94a80;--edit4:#8c5e00;--edit5:#2076a8;
--supported:#005f94;--refuted:#b34700;--inconclusive:#5b646d;
--supported-wash:#e3f0f8;--refuted-wash:#fbeadf;--inconclusive-wash:#f3f5f7}
@media (prefers-color-scheme:dark){:root{
--paper:#14171a;--ink:#e4e7ea;--muted:#9aa4ad;--line:#343b42;--band:#232a30;--soft:#1b1f23;
--edit0:#56b4e9;--edit1:#ff8a3d;--edit2:#2cc69b;--edit3:#e39cc6;--edit4:#f0b429;--edit5:#8fd0f5;
--supported:#6cc0ee;--refuted:#ff9a57;--inconclusive:#9aa4ad;
--supported-wash:#14293a;--refuted-wash:#38231a;--inconclusive-wash:#1e2328}}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%;scroll-padding-top:1rem}
body{margin:0;overflow-wrap:anywhere;
background:var(--paper);color:var(--ink);font:16px/1.55 var(--sans)}
main,header,footer{max-width:82rem;margin:0 auto;padding:0 1.5rem}
header{padding-top:2.2rem}
h1{font-size:1.9rem;line-height:1.15;margin:0 0 .4rem;letter-spacing:-.015em}
h2{font-size:1.3rem;margin:3rem 0 .6rem;padding-top:1rem;border-top:1px solid var(--line);
letter-spacing:-.01em}
h3{font-size:1.05rem;margin:1.8rem 0 .4rem}
p,dl,ul{max-width:46rem;margin:.5rem 0 .9rem}
.lead{font-size:1.02rem;color:var(--muted);margin-top:0}
.notice{display:inline-block;margin:.3rem 0;padding:.3rem .75rem;
border-left:3px solid var(--edit1);background:var(--soft);max-width:44rem}
.small,figcaption,caption,.source{font-size:.85rem;color:var(--muted)}
a{color:inherit;text-decoration-color:var(--muted);text-underline-offset:.15em}
a:focus-visible,summary:focus-visible,.scroll:focus-visible{outline:2px solid var(--edit0);
outline-offset:2px;border-radius:3px}
.scroll:focus-visible{outline-offset:-2px}
.skip,.unseen{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);
white-space:nowrap}
.skip:focus{position:static;width:auto;height:auto;clip-path:none}
code{font:.875em ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace}
nav ul{list-style:none;display:flex;flex-wrap:wrap;gap:.2rem 1.1rem;padding:0;max-width:none;
margin:.9rem 0 0;font-size:.875rem}
nav a{color:var(--muted)}
header+main section:first-child h2{margin-top:1.1rem}
.supported{color:var(--supported)}.refuted{color:var(--refuted)}
.inconclusive{color:var(--inconclusive)}
.grid{width:100%;border-collapse:separate;border-spacing:3px;margin:0 -3px;line-height:1.3}
@media (min-width:84rem){#scorecard .scroll{width:min(100vw - 3rem,112rem);
margin-left:calc(50% - min(50vw - 1.5rem,56rem))}}
.grid th,.grid td{border:0;white-space:normal;padding:.35rem .28rem;vertical-align:top}
.grid thead th{vertical-align:bottom;font-weight:600;color:var(--ink);padding-bottom:.3rem;
min-width:4rem;font-size:.82rem;overflow-wrap:normal;hyphens:auto}
.grid thead small,.grid tbody th small{display:block;font-weight:400;color:var(--muted);
font-size:.74rem;line-height:1.3}
.grid thead a{text-decoration:none}.grid thead a:hover{text-decoration:underline}
.grid thead tr:last-child th:first-child{padding-left:0}
.grid .groups th{font-size:.75rem;text-transform:uppercase;letter-spacing:.06em;
color:var(--muted);border-bottom:2px solid var(--line);padding:.1rem .42rem}
.grid tbody th{padding-left:0;font-size:.92rem;min-width:5.7rem}
.grid td{border-radius:5px;color:var(--ink)}
.grid td.supported{background:var(--supported-wash)}
.grid td.refuted{background:var(--refuted-wash)}
.grid td.inconclusive{background:var(--inconclusive-wash)}
.grid td a{display:block;text-decoration:none}
.grid td small{display:block;color:var(--muted);font-size:.68rem;white-space:nowrap}
.grid .mark{font-weight:650;font-size:.98rem;white-space:nowrap}
.grid td.supported .mark{color:var(--supported)}.grid td.refuted .mark{color:var(--refuted)}
.grid td.inconclusive .mark{color:var(--inconclusive)}
.grid td.headline{box-shadow:inset 3px 0 0 currentColor}
.grid td.headline.supported{color:var(--supported)}.grid td.headline.refuted{color:var(--refuted)}
.grid td.headline.inconclusive{color:var(--inconclusive)}
.grid td.none{color:var(--muted)}
.grid .controls th[scope=rowgroup]{font-weight:400;color:var(--muted);font-size:.85rem;
padding-top:.7rem}
.grid .strip{max-width:9rem;margin:.2rem 0 0;height:.8rem}
.key b,.found b{white-space:nowrap}.found{padding-left:1.2rem}
.strip{display:block;width:100%;max-width:24rem;height:auto;margin:.5rem 0 .2rem}
.strip .zone{fill:var(--line)}
.strip .zero{stroke:var(--muted);stroke-width:1;stroke-dasharray:2 2}
.strip .span{stroke:currentColor;stroke-width:2}
.strip circle{fill:currentColor}
svg.supported{color:var(--supported)}svg.refuted{color:var(--refuted)}
svg.inconclusive{color:var(--inconclusive)}
.claim-part{border-top:1px solid var(--line);padding-top:.3rem;margin-top:1.6rem}
.claim-part:first-of-type{border-top:0;margin-top:0}
.claim-part h3{font-size:1.15rem;margin:.8rem 0 .3rem}
.forest .strip,.forest .axis{min-width:14rem;width:22rem;max-width:26vw;margin:0}
.axis{display:block;height:auto;overflow:visible;font:6.5px var(--sans)}
.axis text{fill:var(--muted)}
.forest td{vertical-align:middle}.forest th{vertical-align:middle}
.forest details{margin:0}.forest details[open] .long{width:min(26rem,72vw)}
.forest summary{font-weight:400;color:var(--muted);white-space:nowrap}
:target{background:var(--band);border-radius:3px;box-shadow:0 0 0 4px var(--band)}
h2:target,section:target,header:target{background:none;box-shadow:none}
.figures{display:grid;gap:1rem 3rem;align-items:start;
grid-template-columns:repeat(auto-fit,minmax(min(100%,26rem),1fr))}
figure{margin:1rem 0;max-width:40rem}
figure svg{display:block;width:100%;height:auto;max-width:40rem}
figure svg.plot{max-width:33rem}
.plot{font:11px var(--sans)}.plot .words text{fill:var(--muted)}
.plot .name{font-weight:600}
.wide figure{max-width:none}.wide figure svg{min-width:40rem;max-width:52rem}
.wide figcaption{max-width:40rem}
figure svg *{stroke-linejoin:round;stroke-linecap:butt}
figcaption{margin-top:.5rem}
/* A shade at the right edge says that there is more; it moves away at the end of the way. */
.scroll{position:relative;overflow-x:auto;margin:.8rem 0 1.4rem;background:
linear-gradient(to left,var(--paper) 50%,transparent) right/2.5rem 100% no-repeat local,
linear-gradient(to left,var(--line),transparent) right/1.1rem 100% no-repeat scroll}
.scroll>table>*>tr>th:first-child{position:sticky;left:0;background:var(--paper)}
figure .scroll{margin:0}
table{border-collapse:collapse;font-size:.875rem;font-variant-numeric:tabular-nums}
caption{text-align:left;padding-bottom:.4rem;max-width:calc(100vw - 2rem)}
th,td{text-align:left;padding:.32rem .9rem .32rem 0;vertical-align:top;white-space:nowrap;
border-bottom:1px solid var(--line)}
thead th{font-weight:600;color:var(--muted);vertical-align:bottom;white-space:normal;
overflow-wrap:normal}
tbody th{font-weight:600;white-space:normal;overflow-wrap:normal;min-width:5.5rem}
.heat{display:block;margin:-.1rem 0;padding:.1rem .4rem;border-radius:4px;
background:color-mix(in srgb,var(--edit1) calc(.45*var(--share,0%)),transparent)}
.heat small{color:inherit}
mark{background:color-mix(in srgb,var(--edit1) 30%,transparent);color:inherit}
.brief{white-space:normal;width:min(10rem,60vw)}
.long{white-space:normal;width:min(17rem,72vw)}
.wider{white-space:normal;width:min(34rem,80vw)}.wider .source{white-space:nowrap}
td.number,th.number{text-align:right}
td small,th small{color:var(--muted);font-weight:400}
.lacking{color:var(--refuted)}
dl{display:grid;grid-template-columns:minmax(7rem,12rem) 1fr;gap:.3rem 1rem}
dt{font-weight:600}dd{margin:0}
details{margin:.8rem 0}
summary{cursor:pointer;font-weight:600}
footer{margin-top:3rem;padding-bottom:3rem;color:var(--muted);font-size:.875rem}
@media (max-width:46rem){body{font-size:15px}header{padding-top:1.3rem}
main,header,footer{padding-left:1rem;padding-right:1rem}h1{font-size:1.45rem}
dl{grid-template-columns:1fr;gap:0}dd{margin-bottom:.6rem}
.grid,.grid tbody,.grid tr{display:block;width:auto;margin:0}
.grid thead{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
.grid tr{display:grid;grid-template-columns:1fr 1fr;gap:4px;margin:0 0 1.1rem}
.grid tbody th{grid-column:1/-1;padding:0;font-size:1.02rem}
.grid tbody th small{display:inline;margin-left:.5rem}
.grid td{padding:.4rem .6rem}
.grid td::before{content:attr(data-claim);display:block;font-size:.78rem;color:var(--muted);
line-height:1.3;margin-bottom:.1rem}
.grid td.none{display:none}
.grid td.headline{grid-column:1/-1}
.forest .strip{max-width:none;min-width:0;width:100%}
.stack,.stack tbody,.stack tr{display:block}
.stack thead{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
.stack tr{border-bottom:1px solid var(--line);padding:.5rem 0}
.stack th,.stack td{display:block;border:0;white-space:normal;padding:.1rem 0;position:static}
.stack td[data-head]:not([data-head=""])::before{content:attr(data-head)": ";color:var(--muted);
font-size:.85em}
.stack .source{white-space:normal;margin-left:.35rem}
.stack .brief,.stack .long,.stack .wider{width:auto}
.stack .wider,.stack .long{display:inline}
.stack br{display:none}.stack small{margin-left:.35rem}
.forest .stack tr{display:grid;grid-template-columns:1fr 1fr;gap:0 .8rem;align-items:baseline}
.forest .stack td:nth-of-type(2){grid-column:1/-1}
.forest .stack td:nth-of-type(-n+2)::before,.forest .stack td:last-of-type::before,
.forest .stack td:nth-of-type(3)::before{content:none}
.forest .stack td:last-of-type{grid-column:1/-1}
.scroll:has(>.stack){overflow-x:visible;background:none}
figure svg:not(.plot){min-width:30rem}}
@media print{:root{color-scheme:light}body{font-size:9.5pt}h2,h3{break-after:avoid}
nav,.skip{display:none}main,header,footer{max-width:none;padding:0}
.grid{zoom:.6}.forest td:last-of-type,.forest thead th:last-of-type{display:none}
.grid td{-webkit-print-color-adjust:exact;print-color-adjust:exact}.grid thead th{min-width:0}
figure,tr{break-inside:avoid}th,td{white-space:normal}
.scroll{overflow:visible;background:none}.scroll>table>*>tr>th:first-child{position:static}
.brief,.long,.wider{width:auto}thead{display:table-header-group}
summary{list-style:none}details:not([open]){display:none}}
"""
