"""Common English words by class: irregular verbs, verbs by what is done, attributes, nouns by what they name.

They stand beside those of lexicon.yaml, which are chosen for scenes that templates can fill.
"""

IRREGULAR = """
be:was:been have:had:had do:did:done go:went:gone see:saw:seen eat:ate:eaten drink:drank:drunk run:ran:run
come:came:come give:gave:given take:took:taken make:made:made get:got:got know:knew:known
think:thought:thought say:said:said tell:told:told find:found:found leave:left:left feel:felt:felt
bring:brought:brought buy:bought:bought catch:caught:caught teach:taught:taught fight:fought:fought
seek:sought:sought sell:sold:sold hold:held:held keep:kept:kept sleep:slept:slept sweep:swept:swept
weep:wept:wept creep:crept:crept meet:met:met lead:led:led feed:fed:fed read:read:read breed:bred:bred
bleed:bled:bled sit:sat:sat stand:stood:stood understand:understood:understood lie:lay:lain lay:laid:laid
pay:paid:paid hear:heard:heard build:built:built send:sent:sent spend:spent:spent lend:lent:lent
bend:bent:bent lose:lost:lost shoot:shot:shot win:won:won begin:began:begun swim:swam:swum sing:sang:sung
ring:rang:rung sink:sank:sunk shrink:shrank:shrunk spring:sprang:sprung stink:stank:stunk hang:hung:hung
dig:dug:dug stick:stuck:stuck swing:swung:swung strike:struck:struck sting:stung:stung cling:clung:clung
write:wrote:written ride:rode:ridden drive:drove:driven rise:rose:risen break:broke:broken
speak:spoke:spoken steal:stole:stolen choose:chose:chosen freeze:froze:frozen wake:woke:woken
wear:wore:worn tear:tore:torn bear:bore:borne swear:swore:sworn fly:flew:flown grow:grew:grown
throw:threw:thrown blow:blew:blown draw:drew:drawn show:showed:shown fall:fell:fallen bite:bit:bitten
hide:hid:hidden shake:shook:shaken forget:forgot:forgotten forgive:forgave:forgiven cut:cut:cut
put:put:put hit:hit:hit set:set:set shut:shut:shut hurt:hurt:hurt cost:cost:cost let:let:let
spread:spread:spread burst:burst:burst bind:bound:bound grind:ground:ground wind:wound:wound
slide:slid:slid light:lit:lit shine:shone:shone become:became:become beat:beat:beaten sew:sewed:sewn
sow:sowed:sown mow:mowed:mown kneel:knelt:knelt burn:burnt:burnt learn:learnt:learnt spill:spilt:spilt
mean:meant:meant deal:dealt:dealt leap:leapt:leapt dream:dreamt:dreamt
"""

VERB_CLASSES = {
    "move": """
        walk run jump leap climb crawl march wander roam stroll jog sprint swim fly dive ride drive
        sail row travel hike skate ski surf gallop hop dance cross enter arrive leave depart return
        come go pass turn steer pedal chase follow race flee escape rise ascend descend fall sink
        float
    """,
    "rest": "sit stand lie rest sleep wait nap lean kneel relax stay",
    "eat": "eat drink bite chew swallow lick devour sip taste consume feed",
    "speak": """
        talk speak chat say tell shout yell whisper sing argue discuss complain ask answer call
        explain laugh
    """,
    "look": "watch look see observe view stare gaze read inspect examine photograph",
    "make": """
        build make cook bake write draw paint sew knit construct create brew fry boil carve sculpt
        compose print
    """,
    "break": "break destroy smash cut tear burn crush shatter slice chop damage demolish kill",
    "clean": "clean wash wipe sweep scrub polish rinse mop dust brush shave",
    "trade": "buy sell pay lend borrow rent order purchase steal donate",
    "carry": """
        carry hold lift push pull drag throw catch kick drop hang load pack deliver bring send toss
    """,
    "work": "work teach study fix repair plant mow harvest dig play perform compete train serve",
    "touch": "hug kiss touch pet pat hit slap punch scratch tickle squeeze embrace",
}
"""Verbs by what is done: verbs of two rows mean different things, verbs of one row may not."""
OTHER_VERBS = """
open close shut start begin stop finish end help assist love like hate enjoy want need use try wear park
fill empty pour mix stir smile cry weep frown wave point show hide find search lose win wrap tie lock
celebrate decorate visit attend gather assemble join meet marry fight attack defend protect rescue save
hunt scare frighten surprise thank praise greet welcome bark meow roar growl howl chirp shine glow melt
freeze grow bloom accept reject pass fail cancel announce publish approve vote elect sign review plan
organise organize
"""
OTHER_ADJECTIVES = """
curly straight wavy hilly early late ripe raw fresh stale deep shallow high low thick heavy light sharp
blunt sweet sour bitter loose tight public private indoor outdoor male female tame alive dead awake
asleep bald hairy lit unlit
"""

ATTRIBUTES = {
    "colour": """
        red blue green yellow black white brown gray pink purple orange gold silver turquoise violet
        maroon teal crimson scarlet blond
    """,
    "material": """
        wooden metal plastic glass leather paper stone brick concrete wool cotton silk rubber marble
        steel iron bamboo ceramic wicker
    """,
    "pattern": "striped spotted plain checkered dotted plaid floral patterned",
    "shape": "round square rectangular triangular oval circular flat curved",
    "size": "big small large little tiny huge tall short long giant enormous massive miniature medium",
    "age": "old young new ancient elderly modern antique",
    "origin": """
        chinese japanese italian french german spanish english american mexican indian greek african
        russian
    """,
}
"""Adjectives by what they tell: two of one row exclude each other unless they are synonyms."""

NOUNS = {
    "person": """
        man woman boy girl child baby person people lady guy kid adult teenager toddler infant
        couple family crowd
    """,
    "role": """
        doctor nurse teacher student lawyer farmer chef cook waiter baker butcher barber soldier
        policeman officer firefighter pilot sailor driver cyclist skier surfer skater snowboarder
        musician singer dancer actor artist painter photographer clown king queen prince princess
        judge guest host merchant businessman worker engineer plumber carpenter mechanic scientist
        player referee priest bride groom tourist traveller thief monk
    """,
    "animal": """
        animal dog cat horse cow sheep goat pig bird duck chicken goose elephant giraffe zebra lion
        tiger bear wolf fox rabbit mouse rat monkey deer fish shark whale dolphin snake turtle frog
        owl eagle parrot pigeon seagull swan penguin butterfly bee spider insect puppy kitten
        squirrel camel donkey
    """,
    "vehicle": """
        vehicle car truck bus train bicycle motorcycle plane boat ship taxi van tractor helicopter
        scooter tram wagon canoe kayak ambulance
    """,
    "furniture": """
        furniture table chair sofa bed desk bench shelf lamp mirror rug cupboard wardrobe stool
        bookcase
    """,
    "food": """
        food bread cake pizza sandwich apple banana orange salad soup cheese meat rice pasta egg
        cookie chocolate carrot broccoli tomato potato burger fries donut pie steak sushi noodle bun
    """,
    "drink": "drink water coffee tea milk juice beer wine soda",
    "tool": """
        tool hammer knife fork spoon saw drill shovel rake broom axe screwdriver scissors cup bowl
        plate bottle glass pan pot kettle tray jar bucket basket
    """,
    "clothes": """
        clothing hat shirt coat dress skirt shoe boot glove scarf tie jacket helmet sock belt
        umbrella backpack
    """,
    "plaything": """
        toy ball kite frisbee doll balloon skateboard surfboard bat racket swing slide guitar piano
        violin drum trumpet flute
    """,
    "device": """
        device phone laptop computer television camera radio clock stove fridge oven microwave
        toaster sink toilet bathtub shower
    """,
    "text": "text book newspaper magazine letter map sign poster painting photo",
    "plant": "plant tree flower grass bush rose tulip cactus leaf",
    "place": """
        place park street kitchen bathroom bedroom office school church museum library restaurant
        station airport beach forest mountain river lake sea desert field meadow garden farm city
        village house bridge tower castle harbour market gym stadium hill island cave
    """,
    "part": "window door wall roof floor fence gate candle leaf wheel engine",
    "weather": "rain snow sun moon cloud wind storm fog",
    "body": "eye hand hair beard nose arm leg face tail wing",
    "time": "morning evening afternoon night day summer winter spring week month year",
    "thing": """
        building wedding ceiling meeting clothing room classroom lunch breakfast answer smile song
    """,
}
"""Nouns by what they name, the name of the whole class first where it has one."""
WIDER = {
    "person": "man woman boy girl child baby lady guy kid adult teenager toddler infant",
    "adult": "man woman",
    "child": "boy girl baby kid toddler infant",
    "kid": "boy girl baby",
    "animal": " ".join(NOUNS["animal"].split()[1:]),
    "bird": "duck chicken goose owl eagle parrot pigeon seagull swan penguin",
    "dog": "puppy",
    "cat": "kitten",
    "insect": "butterfly bee",
    "fish": "shark",
    "vehicle": " ".join(NOUNS["vehicle"].split()[1:]),
    "furniture": " ".join(NOUNS["furniture"].split()[1:]),
    "food": " ".join(NOUNS["food"].split()[1:]),
    "drink": " ".join(NOUNS["drink"].split()[1:]),
    "clothing": " ".join(NOUNS["clothes"].split()[1:]),
    "toy": " ".join(NOUNS["plaything"].split()[1:]),
    "plant": " ".join(NOUNS["plant"].split()[1:]),
    "flower": "rose tulip",
    "place": " ".join(NOUNS["place"].split()[1:]),
    "tool": " ".join(NOUNS["tool"].split()[1:]),
    "book": "notebook cookbook",
    "people": "crowd family couple man woman child",
    "boat": "canoe kayak ship",
    "car": "taxi van",
    "bag": "purse handbag backpack suitcase",
    "building": "house church school office museum castle tower",
    "shoe": "boot sneakers",
    "water": "lake river sea pond ocean",
    "road": "highway path alley",
    "room": "kitchen bathroom bedroom office classroom hall",
    "house": "cottage cabin mansion villa",
    "meal": "dinner supper lunch breakfast",
    "cup": "glass",
}
"""A wide word and what it may stand for: such an exchange may be no other thing."""
_ADVERBS = "fast slowly quickly together alone outside inside upstairs downstairs away here indoors"
ADVERBS = frozenset(_ADVERBS.split())
