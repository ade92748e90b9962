"""Common English words that mean the same, and words that mean the opposite.

General lists, made without regard to any file of pairs: what is not listed here cannot be told, and
`edits.py` says so. A word may stand in several rows (bright: brilliant; bright: clever).
"""

from collections.abc import Iterable

ADJECTIVES = """
happy joyful cheerful glad merry joyous delighted
sad unhappy sorrowful gloomy miserable melancholy downcast
angry furious mad enraged irate
afraid scared frightened fearful terrified
calm peaceful tranquil serene placid
fast quick rapid swift speedy
slow sluggish unhurried
big large sizable
huge enormous gigantic immense giant massive vast colossal
small little
tiny minuscule miniature
messy untidy cluttered disorderly
tidy neat orderly clean
organized organised arranged ordered
dirty filthy grimy unclean soiled
loud noisy
booming resounding thunderous roaring
quiet silent hushed noiseless
bright brilliant radiant
dark dim unlit
gloomy somber sombre dismal dreary bleak
luxurious opulent lavish sumptuous
extravagant lavish excessive
rich wealthy affluent
poor impoverished needy
beautiful pretty lovely gorgeous attractive
ugly unattractive hideous unsightly
smart clever intelligent bright
stupid foolish silly dumb
strong powerful mighty
weak feeble frail
hard difficult tough challenging
easy simple effortless
hot scorching boiling
cold chilly
freezing icy frosty
warm toasty
wet soaked drenched damp moist
dry arid parched
old elderly aged
old ancient
young youthful
new modern recent
famous renowned celebrated well-known
strange odd weird peculiar unusual
normal ordinary common usual
tired weary exhausted sleepy
hungry starving famished
sick ill unwell
healthy well fit
brave courageous bold fearless
kind gentle caring
cruel brutal mean
rude impolite
polite courteous
funny amusing humorous comical
boring dull tedious
interesting fascinating intriguing engaging
important significant crucial vital
empty vacant unoccupied
full filled
broken shattered smashed damaged
narrow slim
thin slender slim skinny
fat overweight obese plump
wide broad
tall high
delicious tasty yummy
stunning breathtaking spectacular
wonderful great marvelous fantastic terrific superb excellent splendid
bad poor awful terrible horrible dreadful
good fine nice
cheap inexpensive
expensive costly pricey
crowded packed busy
deserted abandoned empty
safe secure
dangerous hazardous risky perilous
correct right accurate
wrong incorrect mistaken
real genuine authentic
fake false artificial
colorful colourful vivid vibrant
shiny glossy gleaming polished
elegant graceful stylish
lonely alone solitary
lazy idle
eager keen enthusiastic
worried anxious nervous uneasy
excited thrilled
surprised astonished amazed
proud pleased
rough uneven bumpy
smooth even
steep sheer
lush verdant green
foggy misty hazy
sunny bright
cloudy overcast
rural rustic
famous popular
total complete whole entire
final last
first initial
gray grey
gold golden
blond blonde
wooden wood
metal metallic
"""

VERBS = """
gather assemble congregate
yell shout scream
cry weep sob
run sprint dash
jog run
walk stroll
leap jump hop
begin start commence
end finish conclude
buy purchase
shut close
choose select pick
chat talk speak converse
look gaze stare
watch observe view
see spot notice
eat consume
devour gobble
drink sip
cook prepare
make create produce
build construct erect
fix repair mend
break smash shatter
destroy demolish wreck
throw toss hurl fling
catch grab seize
hold grip clutch grasp
carry haul transport
pull drag tug
push shove
lift raise hoist
drop release
fall tumble
sit rest
sleep slumber snooze nap
laugh giggle chuckle
smile grin beam
fight battle
chase pursue
follow trail
assist help aid
teach instruct
study learn
show display exhibit
hide conceal
leave depart
arrive come
enter access
return come_back
repair restore
clean wash
scrub scour
cut slice chop
draw sketch
write pen
ride mount
drive steer
fly soar
swim paddle
climb scale
rescue save
kill slay
attack assault
protect guard defend
shine glow gleam
sparkle glitter twinkle
burn blaze
wander roam
travel journey
park stop
wait linger
embrace hug cuddle
kiss peck
wave gesture
celebrate party
decorate adorn
wear sport
feed nourish
grow cultivate
collect gather
put place set
arrange organize organise
examine inspect check
answer reply respond
ask inquire
permit allow let
forbid ban prohibit
obtain get acquire
own possess have
like enjoy
love adore
hate detest loathe
need require
try attempt
use employ
tell inform
discuss debate
argue quarrel
win triumph
lose misplace
cancel call_off
postpone delay
increase grow rise
decrease decline drop
discover find
contain include hold
surround encircle
perform play
scare frighten
shake tremble
spill pour
tear rip
tie bind
train practice practise
visit tour
vanish disappear
"""

NOUNS = """
photo picture image photograph snapshot
kid child youngster
baby infant
man guy gentleman
woman lady
boy lad
girl lass
person individual human
people folks
teenager adolescent teen
mother mom mum
father dad
grandmother grandma
grandfather grandpa
friend buddy pal
doctor physician
lawyer attorney
teacher instructor
student pupil
policeman cop
firefighter fireman
worker laborer labourer
athlete sportsman
author writer
thief robber burglar
tourist sightseer
traveler traveller
crowd throng mob
couple pair duo
dog hound
puppy pup
kitten kitty
bunny rabbit
car automobile
truck lorry
bike bicycle cycle
motorcycle motorbike
plane airplane aircraft aeroplane
boat vessel
ship vessel
subway underground metro
train railway
street road
path trail track
highway freeway motorway
sidewalk pavement
house home
apartment flat
building structure
shop store
restaurant diner
cinema theater theatre
garden yard
forest woods woodland
sea ocean
stone rock
hill mound
lake pond
beach shore seashore
field meadow pasture
harbour harbor port
sofa couch settee
rug carpet
cup mug
dish plate
pan skillet
bag sack
purse handbag
suitcase luggage
garbage trash rubbish
can tin
present gift
toy plaything
picture painting
phone telephone
television tv telly
computer pc
laptop notebook
cookie biscuit
candy sweets
soda pop
meal dish
dinner supper
autumn fall
dawn sunrise
dusk sunset
trip journey voyage
job work
error mistake
idea thought
film movie
coat jacket
sneakers trainers
pants trousers
hat cap
glasses spectacles
mansion villa
cottage cabin
shack hut
bug insect
snake serpent
donkey ass
infant newborn
mailman postman
chef cook
king monarch
fear terror
noise sound
center centre middle
border edge
corner nook
top summit peak
flower blossom bloom
tree sapling
bush shrub
"""

ANTONYMS = """
hot/cold warm/cool open/closed open/shut happy/sad happy/unhappy big/small tall/short long/short high/low
wide/narrow thick/thin fat/thin heavy/light dark/light bright/dark bright/dim full/empty clean/dirty
clean/messy tidy/messy wet/dry hard/soft rough/smooth sharp/dull sharp/blunt fast/slow old/young old/new
ancient/modern rich/poor strong/weak loud/quiet noisy/quiet busy/quiet busy/empty crowded/empty
crowded/deserted good/bad good/evil kind/cruel kind/mean beautiful/ugly brave/afraid brave/cowardly
calm/angry calm/rough calm/stormy calm/nervous polite/rude cheap/expensive safe/dangerous easy/difficult
simple/complex simple/complicated right/wrong right/left true/false real/fake alive/dead asleep/awake
sick/healthy hungry/full early/late first/last near/far deep/shallow steep/gentle steep/flat
curly/straight curved/straight bent/straight fresh/stale fresh/rotten ripe/rotten ripe/unripe raw/cooked
sweet/sour sweet/bitter tight/loose public/private indoor/outdoor sunny/cloudy sunny/rainy clear/cloudy
clear/foggy rural/urban modern/traditional male/female adult/young single/married wild/tame
friendly/hostile generous/selfish generous/stingy humble/proud proud/ashamed excited/bored
interesting/boring funny/serious lazy/hardworking famous/unknown common/rare normal/strange
positive/negative active/passive visible/hidden shiny/dull colorful/drab transparent/opaque solid/liquid
hollow/solid flat/hilly fancy/plain patterned/plain decorated/plain ornate/plain broken/intact
broken/whole broken/repaired lit/unlit on/off odd/even major/minor maximum/minimum northern/southern
eastern/western upper/lower inner/outer front/back rear/front top/bottom left/right day/night
morning/evening summer/winter sunrise/sunset north/south east/west beginning/end start/end success/failure
victory/defeat peace/war friend/enemy friend/foe love/hate hope/despair joy/sorrow strength/weakness
entrance/exit arrival/departure heaven/hell truth/lie profit/loss increase/decrease question/answer
winner/loser buyer/seller host/guest open/close begin/end begin/finish start/stop start/finish
arrive/leave arrive/depart come/go enter/leave enter/exit rise/fall rise/set climb/descend ascend/descend
go_up/go_down push/pull lift/lower raise/lower buy/sell give/take give/receive lend/borrow win/lose
laugh/cry smile/frown smile/cry giggle/cry like/dislike accept/reject accept/refuse agree/disagree
allow/forbid help/hinder attack/defend build/destroy create/destroy break/fix break/repair find/lose
remember/forget teach/learn wake/sleep stand/sit stand/lie live/die float/sink freeze/melt fill/empty
load/unload lock/unlock tie/untie pack/unpack wrap/unwrap cover/uncover fold/unfold dress/undress
connect/disconnect appear/disappear appear/vanish join/separate join/leave gather/scatter attach/detach
catch/throw catch/release hold/release save/spend speed/slow accelerate/brake expand/shrink grow/shrink
inhale/exhale import/export whisper/shout praise/criticize praise/blame reward/punish succeed/fail
pass/fail hire/fire follow/lead show/hide borrow/return turn_on/turn_off put_on/take_off pick_up/put_down
always/never often/rarely often/seldom inside/outside indoors/outdoors upstairs/downstairs up/down
forward/backward together/apart quickly/slowly loudly/quietly carefully/carelessly happily/sadly
gently/roughly before/after above/below calm/chaotic peaceful/violent relaxed/stressed relaxed/tense
healthy/ill guilty/innocent legal/illegal hopeful/hopeless thankful/ungrateful loyal/treacherous
mature/childish optimistic/pessimistic smiling/frowning smiling/crying laughing/crying sleeping/awake
standing/sitting moving/still barren/lush fertile/barren honest/dishonest patient/impatient
possible/impossible visible/invisible correct/incorrect obedient/disobedient mature/immature
regular/irregular perfect/imperfect organized/disorganized bald/hairy shaved/bearded naked/dressed
clothed/naked cooked/raw permanent/temporary voluntary/compulsory
"""


def rows(listing: str) -> Iterable[list[str]]:
    """The rows of a list of groups."""
    return (line.split() for line in listing.strip().splitlines())


def _groups() -> dict[str, frozenset[int]]:
    found: dict[str, set[int]] = {}
    for at, group in enumerate(row for listing in (ADJECTIVES, VERBS, NOUNS) for row in rows(listing)):
        for word in group:
            found.setdefault(word, set()).add(at)
    return {word: frozenset(groups) for word, groups in found.items()}


GROUPS = _groups()
"""Groups of synonyms a word stands in."""
OPPOSITES = frozenset(frozenset(pair.split("/")) for pair in ANTONYMS.split())
_DENYING = ("un", "non")


def are_synonyms(left: str, right: str) -> bool:
    """Whether a row lists both."""
    return left == right or bool(GROUPS.get(left, frozenset()) & GROUPS.get(right, frozenset()))


def are_opposites(left: str, right: str) -> bool:
    """Whether they are listed as opposites, directly or by a synonym of one, or formed as opposites."""
    if frozenset((left, right)) in OPPOSITES:
        return True
    short, long = sorted((left, right), key=len)
    if len(short) > 3 and any(long == prefix + short for prefix in _DENYING):
        return True
    return frozenset((left, right)) in _BY_SYNONYM or any(
        one.endswith("less") and other.endswith("ful") and one[:-4] == other[:-3]
        for one, other in ((left, right), (right, left))
    )


def _by_synonym() -> frozenset[frozenset[str]]:
    """Opposites of a word's synonyms: cheerful and sad, by happy and sad."""
    members: dict[int, list[str]] = {}
    for word, groups in GROUPS.items():
        for at in groups:
            members.setdefault(at, []).append(word)
    found = {
        frozenset((like, other))
        for pair in OPPOSITES
        for one, other in (tuple(pair), tuple(pair)[::-1])
        for at in GROUPS.get(one, ())
        for like in members[at]
        if not are_synonyms(like, other)
    }
    return frozenset(found)


_BY_SYNONYM = _by_synonym()
