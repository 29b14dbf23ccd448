"""Abbreviations that no sentence ends with, or none before a number, as far as sentencex does not know them.

Those in small letters may have capitals, too: "dr" is also Dr and DR, but "Fa" is not the Italian word "fa".
"""

from collections import defaultdict


def by_language(table: dict[str, str]) -> dict[str, set[str]]:
    """The abbreviations of each language, from a table in which languages share lines. "*" stands for all."""
    found: dict[str, set[str]] = defaultdict(set)
    for codes, names in table.items():
        for code in codes.split():
            found[code] |= set(names.split())
    return dict(found)


NEVER_LAST = by_language(  # titles, saints, streets, "for example" and the like
    {
        "*": "dr prof dipl ing Mr Mrs Ms Mx Mme Mmes Mlle Mlles Mgr Msgr St Sta Ste approx incl inkl excl exkl resp",
        "en eng": "Br Bp Abp Amb Atty Ald Ven Ft Wm Chas Thos Geo Jos",
        "de deu ger gsw bar nds lb ltz ksh": (
            "Fa Fam Hrn Frl hl Inh geb gest verh gesch verw gem gez einschl zzgl abzgl insb insbes bes ehem jew zw "
            "stellv stv dt engl frz ital lat griech span russ Hptm Oblt Kpt Doz Abg Bgm Präs Vors Skt Kard Verf Hrsg "
            "Bearb"
        ),
        "fr fra fre": "M MM Drs Pr Prs Me Mes Mgrs Sts Stes Vve Cdt Cne Gal Gén Lt Amb Sr ap réf notamt",
        "es spa ca cat gl glg ast an": (
            "Srta Srs Sras Sres Dña Dª Profa Dra Drs Dres Licda Abog Mtro Mtra Gen Cnel Capt Tte Cmdte Sgto Cbo Alm "
            "Pbro Mn Mons Excma Exmo Ilmo Ilma Rvdo Rdo Hno Hna Sto Av Avd Ctra ej"
        ),
        "pt por gl glg": (
            "Srta Profa Profª Profs Engª Arq Exma Ilmo Ilma Revmo Pe Fr Dna Cel Cap Ten Alm Sto Av Pça Trav Rod"
        ),
        "it ita": "Magg Ten Gent Ill",
        "nl nld dut af afr fy": "mevr mw mej mnr mev ds jhr jkvr kard br kol lt bv",
        "sv swe": "frk kand lic jfr kungl kgl civ",
        "da dan nb nob nn nno no nor": "frk sct cand mag lic kgl jf jfr evt ekskl dvs pga ift fx",
        "is isl fo": "frk",
        "fi fin": "hra rva nti tri ns ts ks vrt",
        "et est": "pr prl mag nt",
        "lv lav": "doc k-gs k-dze sv piem plkv ģen",
        "lt lit": "doc plk šv pvz vysk kun inž",
        "pl pol": (
            "mgr inż hab doc lek ks św bł o br gen płk ppłk mjr kpt por ppor chor sierż plut kpr szer adm kmdr red dyr "
            "hr abp bp kard al pl os tj tzw ww zob woj pow gm wg ur adw mł"
        ),
        "cs ces cze sk slk slo": "thdr thlic phmr bl plk pplk mjr kpt npor np popř příp popr",
        "hr hrv bs bos sr srp sh cnr sl slv": (
            "inž mag doc akad sv ul bul tzv npr tj odn oz gđa gđica gdč"  # Serbian has two scripts
        ),
        "ru rus": (
            "г-н г-жа д-р доц ген подполк лейт адм св преп прот еп архиеп митр архим иером игум им пр-т пл наб бул б-р "
            "бульв пос дер респ оз гр-н инж зам зав нач чл корр напр ср мл ст засл лат англ нем фр греч"
        ),
        "uk ukr": (
            "д-р ген підполк лейт адм преп прот просп пр пр-т бул наб смт тов інж канд зам зав нач мл засл лат англ нім"
        ),
        "be bel": "праф акад дац ген св ім вул пл пр-т зав нам напр гр інж сп",
        "bg bul mk mkd mac sr srp": (
            "г-н г-жа г-ца г-ѓа г-дин д-р др проф доц акад мр м-р инж ген арх адв св ул бул тзв тн нпр тј гђа гђица"
        ),
        "kk kaz ky kir": "проф акад доц",
        "tr tur az aze": (
            "Av Sn Doç Dos Hz Yrd Öğr Gör Arş Uzm Dt Ecz Müh Mim Alb Yb Bnb Yzb Ütğm Tğm Korg Org Tümg Tuğg Cən Cad "
            "Sok Mah örn bkz krş məs"
        ),
        "el ell gre": "κα κος κοι δις δρ καθ αγ άγ αι γεν συντ λεωφ πλ δηλ βλ πρωτ στρ υπ",
        "hu hun": "ifj özv szt ún ld vö gr br mgr okl",
        "ro ron rum mo": (
            "dl dna dra d-na d-ra d-l d-lui dlui dnei conf lect asist acad av arh ec cpt sf str bd bdul b-dul șos şos "
            "pt"
        ),
        "sq sqi alb": "z-nj znj zj",
        "eu eus baq": "jn and adib",
        "eo epo": "d-ro s-ro s-ino f-ino ekz",
        "vi vie": (
            "TP Tp TX Tx TT Tt GS Gs PGS TS Ts ThS Ths Th TSKH BS Bs KS Ks KTS LS CN ĐT ĐH NGƯT NSND NSƯT LM Lm HT ĐĐ"
        ),
        "id ind ms msa may zsm jv su": (
            "Bpk Bp Sdr Sdri Sdra Tn Ny Nn En Pn KH Hj Hjh Ust Ir Dra Pdt Rm Jl Jln Gg Kab Kec Kel Kp Kol Letkol Kapt "
            "Jend Brigjen Mayjen Letjen Laks PT CV UD Yth Tgk"
        ),
        "tl tgl fil": "Gng Bb Kgg Gob Brgy Sto",
        "sw swa": "Bw Bi Dk Dkt Mh Mwl",
        "he heb iw": "פרופ",
        "hi hin mr mar ne nep mai bho kok": (
            "डॉ डा डाॅ श्री श्रीमती सुश्री कु प्रो प्रा पं मो स्व मि इं न्या एड एडवो ॲड अॅड ब्रि सौ कै पृ कृ"
        ),
        "bn ben as asm": "ড ডঃ ডা মো মোঃ মোসা মোছা অধ্যা প্রফে ইঞ্জি এড অ্যাড মৌ মাও",
        "pa pan": "ਡਾ ਸ੍ਰੀ ਸ਼੍ਰੀ ਪ੍ਰੋ ਸ",
        "gu guj": "ડૉ ડો શ્રી શ્રીમતી પ્રો કુ",
        "or ori": "ଡ ଡଃ ଡା ଶ୍ରୀ ପ୍ରଫେ",
        "ta tam": "டாக்டர் திரு திருமதி செல்வி டாக் பேரா முனைவர்",
        "te tel": "డా డాక్టర్ శ్రీ శ్రీమతి ప్రొ కు",
        "kn kan": "ಡಾ ಶ್ರೀ ಶ್ರೀಮತಿ ಪ್ರೊ ಕು",
        "ml mal": "ഡോ ശ്രീ ശ്രീമതി പ്രൊഫ അഡ്വ",
        "ka kat geo": "დრ პროფ აკად ბ-ნი ქ-ნი წმ",
    }
)
BEFORE_NUMBERS = by_language(
    {
        "*": (
            "approx aprox ca cca chap eq eqs fig figs kap nr núm num pag pág pp str tel vol vols feb "
            "apr jun jul aug sep sept oct okt nov dec dez"
        ),
        "en eng": "ch chs exs sect secs para paras arts bk apt thm lem refs App Ex vv",
        "fr fra fre": (
            "tab alin arts ch no nos n t liv paragr réf app janv févr fév avr juil déc éq v f ff fol rte ill"
        ),
        "es spa ca cat gl glg ast an": (
            "tab arts caps ch núms nro nros n p pàg páx páxs sec ec ed teléf ene v vv ref refs"
        ),
        "pt por gl glg": (
            "tab págs p arts caps n nos t sec séc seç inc ed máx mín fev abr mai ago set out r ref refs apto vv"
        ),
        "it ita": "tab pagg capp figg tabb n nn t sez genn febbr magg sett c circ",
        "nl nld dut af afr fy": "tab pagg artt par afb afbn bl bll hfst mrt fol",
        "sv swe": "tab sid sidd kl pkt avd ekv febr uppl",
        "da dan nb nob nn nno no nor is isl fo": "tab sid kl bd bls pkt avsn avd tlf febr des lign årg sl",
        "et est": "tab lk ptk joon lg",
        "lv lav lt lit": "lpp psl pav att sk",
        "pl pol": (
            "ok s ss nry rozdz rys ryc tab tabl ust pkt ppkt poz t cz godz maks lok zał zesz kol sygn dz dł lut "
            "kwi czer lip sier wrz paź gru"
        ),
        "hr hrv bs bos sr srp sh cnr sl slv": "br čl gl sl pogl tab toč sv knj št odst zv okr maks",
        "ru rus": (
            "ок прибл рис сс гл разд табл ст подп вып кн № прил илл корп факс макс янв февр фев мар апр июн июл авг "
            "сент сен окт нояб ноя дек абз изд ред поз экз прим оф под комн каб"
        ),
        "uk ukr": (
            "бл прибл рис мал сс гл розд табл тт № додат дод корп тел факс макс січ лют берез квіт трав черв лип серп "
            "верес жовт листоп груд абз поз прим оф"
        ),
        "be bel": "каля рыс мал стар с гл раздз табл арт п т ч вып кн кв тэл №",
        "bg bul mk mkd mac sr srp": (
            "ок прибл обр гл разд п вып кн бл вх ет ап тел факс макс № прил стр с бр сл чл ст одељ таб табл т тач књ"
        ),
        "tr tur az aze": "tab s sf sh şek şək çiz bl kıs cəd mad fık maks apt səh",
        "el ell gre": (
            "σελ σ σς αρ αριθ άρθ αρθ κεφ σχ εικ πιν παρ παράγρ περ τόμ τεύχ τηλ στίχ στ μέρ εξ ιαν φεβ μαρ απρ ιουν "
            "ιουλ αυγ σεπ οκτ νοε δεκ σημ"
        ),
        "hu hun": "old kb fej ábr tábl bek köt évf krt em febr márc ápr máj jún júl szept",
        "ro ron rum mo": "tab alin lit bl et sect jud bd ian febr mart iun iul secț pct poz ed",
        "eu eus baq": "or orr zk ir",
        "ga gle": "lch uimh alt",
        "eo epo": "n-ro ĉap ĉirk",
        "sq sqi alb cy cym": "fq tud rhif",
        "vi vie": "tr Tr trg tt ĐT đt Q P",
        "id ind ms msa may zsm jv su": (
            "hal hlm gbr gmb tbl bab psl jil jld telp tlp hp tgl thn Rp rp RW blk agt agu des bil"
        ),
        "he heb iw": "עמ טל סע",
        "hi hin mr mar ne nep mai bho kok": "सं क्र नं रु",
        "bn ben as asm": "পৃ পৃঃ নং খ টা",
        "gu guj": "પૃ નં રૂ સં",
        "ta tam": "எண் பக் ரூ",
        "te tel": "పే నం రూ సం",
        "kn kan": "ಪು ಸಂ ರೂ ನಂ",
        "ml mal": "പേ നം രൂ",
    }
)
LAST_PARTS = (  # the last two parts of abbreviations that may end a sentence: u.s.w., и т.д., 5 p.m.
    "s.w s.f u.a u.ä o.ä v.a m.w p.a k.o o.k a.m p.m b.c a.d p.c p.h e.d s.v m.m m.v m.fl e.kr f.kr f.m e.m o.l o.d "
    "d.å o.dyl e.l e.lign d.s e.a v.t b.v n.v i.d u.b v.p j.l l.l w.o a.s a.c d.c s.a c.v r.l c.c e.v n.e o.o b.r r.b "
    "n.l r.o o.s n.m k.s t.r d.d т.д т.п т.н н.э н.е л.с о.о т.г с.г с.р т.б ж.б κ.λπ κ.λ τ.λ κ.ά κ.α ο.κ μ.μ π.μ "
    "μ.χ i.sz ș.a ş.a m.d e.n m.s p.kr u.c u.tml m.ē m.e t.t s.frv þ.h ა.შ v.v s.b t.p k.a r.n y.b s.m"
)
LAST_OF_DOTTED = frozenset(LAST_PARTS.split())
