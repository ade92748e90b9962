"""Tones as directions between two sets of example sentences.

The difference of the mean embeddings of contrasted examples finds a tone that the similarity to its
name does not. It ranks; it does not decide: predicates say "leans towards ... (top 25 %)".
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Axis:
    """Two poles, what the tone is called at each, and how it sounds there."""

    high: str
    low: str
    high_examples: tuple[str, ...]
    low_examples: tuple[str, ...]


AXES: Mapping[str, Axis] = {
    "positive": Axis(
        "a positive tone",
        "a negative tone",
        (
            "I loved every minute of it and would go again.",
            "What a wonderful surprise, thank you all so much.",
            "The staff were kind and the food was delicious.",
            "This is the best one I have ever had.",
            "A joyful, brilliant success.",
        ),
        (
            "I hated every minute of it and will never go back.",
            "What a terrible disappointment, shame on you all.",
            "The staff were rude and the food was disgusting.",
            "This is the worst one I have ever had.",
            "A miserable, dreadful failure.",
        ),
    ),
    "urgent": Axis(
        "an urgent tone",
        "an unhurried tone",
        (
            "Act now before it is too late!",
            "This is an emergency, come at once.",
            "You must reply within the hour.",
            "Warning: leave the building immediately.",
        ),
        (
            "There is no rush, take all the time you like.",
            "Whenever it suits you is fine.",
            "We may come back to this some other year.",
            "They sat in the garden and let the afternoon pass.",
        ),
    ),
    "formal": Axis(
        "a formal tone",
        "a casual tone",
        (
            "We hereby request that the undersigned submit the required documents.",
            "The committee shall convene in accordance with the statutes.",
            "It is respectfully suggested that the matter be reconsidered.",
            "The applicant is obliged to furnish evidence of residence.",
        ),
        (
            "hey can u send me that stuff lol",
            "yeah nah we're just gonna hang out later",
            "dude, that was so cool, no kidding",
            "gimme a sec, brb",
        ),
    ),
    "personal": Axis(
        "a personal tone",
        "an impersonal tone",
        (
            "I still remember how my mother held my hand that night.",
            "My husband and I moved here when our son was born.",
            "I feel lonely whenever I think of my old friends.",
            "Today I finally told my best friend how I feel.",
        ),
        (
            "The rate rose by two per cent in the third quarter.",
            "The device consists of a housing and two valves.",
            "The region covers an area of forty square kilometres.",
            "The agency published its annual figures.",
        ),
    ),
    "request": Axis(
        "asking for help",
        "giving an answer",
        (
            "Could somebody please help me with this problem?",
            "I am stuck and do not know what to do next.",
            "Does anyone know how to fix this?",
            "I need advice on which one to choose.",
        ),
        (
            "You can fix this by turning it off and on again.",
            "The answer is that the second one is larger.",
            "Here is how it works: first you open the lid.",
            "Choose the blue one, since it lasts longer.",
        ),
    ),
    "technical": Axis(
        "technical language",
        "everyday language",
        (
            "The method computes eigenvalues of the covariance matrix.",
            "Set the parameter to override the default buffer size.",
            "The enzyme catalyses phosphorylation of the substrate.",
            "The compiler emits a warning for the unused variable.",
        ),
        (
            "We went to the shop and bought some bread.",
            "The children played outside until dinner.",
            "It was raining, so I took the bus.",
            "She made a cup of tea and sat down.",
        ),
    ),
    "narrative": Axis(
        "telling a story",
        "explaining facts",
        (
            "Then the door opened and a stranger walked in.",
            "She ran down the hill, her heart pounding.",
            "One night, long ago, an old man found a ring.",
            "He turned, hesitated, and then began to laugh.",
        ),
        (
            "Water boils at one hundred degrees Celsius.",
            "A triangle is a figure with three sides.",
            "Copper is a metal that conducts electricity well.",
            "The heart pumps blood through the body.",
        ),
    ),
    "certain": Axis(
        "certainty",
        "doubt",
        (
            "There is no doubt whatsoever that this is true.",
            "It is absolutely certain and everybody knows it.",
            "This proves once and for all that we were right.",
            "Without question, that is a fact.",
        ),
        (
            "It is hard to say, but perhaps this might be true.",
            "I am not sure; there may be other reasons.",
            "Possibly we were wrong, it remains unclear.",
            "Nobody really knows whether that is a fact.",
        ),
    ),
    "angry": Axis(
        "an angry tone",
        "a calm tone",
        (
            "How dare you, I am furious about this!",
            "I am sick and tired of these liars.",
            "This is an outrage and someone must pay.",
            "Shut up and get out of my sight!",
        ),
        (
            "Let us sit down and talk it over quietly.",
            "I understand, and it is quite all right.",
            "The evening was peaceful and still.",
            "We can find a solution together, step by step.",
        ),
    ),
    "fearful": Axis(
        "fear and danger",
        "safety and reassurance",
        (
            "People are terrified that it will happen again.",
            "The danger is growing and lives are at risk.",
            "I was shaking with fear in the dark.",
            "A deadly threat hangs over the town.",
        ),
        (
            "Everyone is safe and there is nothing to worry about.",
            "The danger has passed and all is well.",
            "I felt secure and at ease at home.",
            "The town is a quiet and protected place.",
        ),
    ),
    "selling": Axis(
        "selling something",
        "reporting plainly",
        (
            "Buy one now and get the second for free!",
            "You have won a prize, call to claim it today.",
            "Our amazing new product will change your life.",
            "Limited offer: save fifty per cent this week.",
        ),
        (
            "The council met on Tuesday and approved the minutes.",
            "Two people were injured when the roof came down.",
            "The report lists the causes of the delay.",
            "The bridge will be closed for repairs.",
        ),
    ),
    "collective": Axis(
        "speaking for a community",
        "speaking of one individual",
        (
            "Together we as a nation will overcome this.",
            "Our community stands united in this struggle.",
            "We the people demand a better future for all.",
            "All of us share the same hopes.",
        ),
        (
            "He lives alone and keeps to himself.",
            "The woman, aged 43, works as a nurse.",
            "John bought a new bicycle on Monday.",
            "She was the only person in the room.",
        ),
    ),
}
