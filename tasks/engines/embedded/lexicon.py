"""Word lists: function words, negations, hedges and other closed classes of English."""

FUNCTION_WORDS = frozenset(
    """
    a an the this that these those some any each every no all both either neither such
    i me my mine myself we us our ours ourselves you your yours yourself he him his himself she her hers
    herself it its itself they them their theirs themselves who whom whose which what one's
    am is are was were be been being do does did doing done have has had having
    will would shall should can could may might must ought
    i'm you're he's she's it's we're they're i've you've we've they've i'll you'll he'll she'll we'll they'll
    i'd you'd he'd she'd we'd they'd isn't aren't wasn't weren't don't doesn't didn't won't wouldn't can't
    couldn't shouldn't hasn't haven't hadn't that's there's what's let's
    and or but nor so yet if then else than because as while when where whether though although unless until
    of in on at by for from to with without into onto over under above below up down out off about after
    before between among through during against across along around behind beside besides near per via upon
    within toward towards since
    not only just also too very more most less least much many few own same other another again ever
    here there now how why s t d ll re ve m
    """.split()  # noqa: SIM905 -- a list of words reads better as prose
)

HEDGES = (
    "maybe perhaps possibly probably apparently presumably seemingly roughly approximately somewhat "
    "likely unlikely might may could seems seem appears appear suggests suggest usually generally often "
    "sometimes typically"
)
CERTAINTY = (
    "always never definitely certainly clearly obviously undoubtedly absolutely surely guaranteed "
    "every entirely completely totally"
)
OBLIGATION = "must should shall ought required requires needs mandatory"
INTENSIFIERS = "very really extremely incredibly highly totally absolutely hugely deeply truly utterly"
NEGATIONS = (
    "not no never none nobody nothing nowhere neither nor cannot without isn't aren't wasn't weren't "
    "don't doesn't didn't won't wouldn't can't couldn't shouldn't hasn't haven't hadn't"
)
REASONS = "because since therefore hence thus consequently so"
CONTRASTS = "but however although though whereas nevertheless nonetheless despite instead yet"
COMPARISONS = "more less most least better worse best worst than"
SEQUENCE = "first firstly second secondly third thirdly finally next then lastly"
POLITE = "please thanks thank sorry excuse pardon kindly welcome"
GREETINGS = "hi hello hey dear greetings"
PEOPLE = (
    "man men woman women child children boy boys girl girls mother father parents family families "
    "son daughter wife husband brother sister baby teenager people person"
)
TIME_WORDS = (
    "today yesterday tomorrow tonight monday tuesday wednesday thursday friday saturday sunday january "
    "february march april june july august september october november december"
)
NUMBER_WORDS = (
    "two three four five six seven eight nine ten eleven twelve dozen hundred hundreds thousand thousands "
    "million millions billion billions trillion"
)
OPENING_VERBS = (
    "add allow apply append assign ask avoid bring build calculate call cast change check choose click clip "
    "collect combine compute concatenate configure consider construct convert copy count create cut define "
    "delete describe detect determine display do drop encode ensure evaluate expand explode extract fill "
    "filter find fix follow format gather generate get give go group handle have help implement import "
    "indicate insert interpolate iterate join keep let limit list load look make map mark melt merge modify "
    "move normalize open parse pass perform pivot plot prepare print provide put query raise rank read "
    "register remove rename render reorder repeat replace reshape resample return reverse rotate round run "
    "sample save scan search select send serialize set shift show shrink slice sort split squeeze stack "
    "start stop store strip sum swap take test transform translate transpose truncate try turn unnest "
    "unpivot unstack update upsample use validate view visit wait watch write"
)


def words_of(listing: str) -> list[str]:
    """The words of one of the lists above, in order, once each."""
    return list(dict.fromkeys(listing.split()))
