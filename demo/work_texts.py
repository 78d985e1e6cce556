"""What is reported, appealed and answered in the demo's day at the desks."""

from __future__ import annotations

# Messages that were reported, each the last one of its room.
UNKIND = (
    "Pay me back by Friday or I come to your studio. I know where you park.",
    "No one wants to see your face on camera. Do everyone a favour and quit.",
    "Win a phone! Only today, enter your card at prize-infloo.example and it is yours.",
    "Send the deposit to my private account, the company one is blocked just now.",
    "You people always cheat. I will tell every brand in town what you are.",
)

# What the author says against a decision.
APPEALS = {
    "story": "That was stage blood at a theatre rehearsal. The poster of the play is in the same picture.",
    "message": "We are old friends and talk like that. Ask him, he was not even angry.",
    "user": "I sent one reminder about an unpaid invoice. That is no harassment.",
    "suspended": "My account was broken into that night. I have changed the password since and told everyone.",
    "event": "The tickets went out by post on the day after. I can show the receipts of the post office.",
}

NOTES = {
    "threat": "Second threat of this person in a month. @admin should we tell the police?",
    "kitchen": "It is a chef's knife at a cooking class. @community I would keep it, what do you think?",
    "ticket": "Wrote to the host, who answers until tomorrow noon.",
    "known": "Same text as in the three cases of last week, from a new account.",
}
ESCALATED = "The host is a partner of ours. An officer with a free hand has to decide this."

# Owner, queue, shared, title, texts by language.
TEMPLATES = (
    (
        "compliance",
        "documents",
        True,
        "Photograph it again",
        {
            "en": "Please lay the document flat near a window, without flash, and photograph all four edges.",
            "de": "Bitte legen Sie das Dokument flach in die Nähe eines Fensters und fotografieren Sie es ohne Blitz"
            " mit allen vier Rändern.",
        },
    ),
    (
        "compliance",
        "documents",
        True,
        "Extract not older than 3 months",
        {
            "en": "Please send an extract from the trade register that is not older than three months.",
            "de": "Bitte senden Sie einen Auszug aus dem Handelsregister, der nicht älter als drei Monate ist.",
        },
    ),
    (
        "compliance",
        "documents",
        False,
        "Marriage certificate",
        {
            "en": "If your name has changed, please send the certificate together with the document.",
            "de": "Falls sich Ihr Name geändert hat, senden Sie bitte die Urkunde zusammen mit dem Dokument.",
        },
    ),
    (
        "community",
        "cases",
        True,
        "Respect others",
        {
            "en": "Please write to others as you would like to be written to. The next report may end in a suspension.",
            "de": "Bitte schreiben Sie anderen so, wie Sie selbst angeschrieben werden möchten. Die nächste Meldung"
            " kann zu einer Sperre führen.",
        },
    ),
    (
        "admin",
        "cases",
        True,
        "No payments outside the platform",
        {
            "en": "Please do not ask for payments by bank transfer. Link to your ticket shop instead.",
            "de": "Bitte fordern Sie keine Zahlungen per Überweisung. Verlinken Sie stattdessen Ihren Ticketshop.",
        },
    ),
    (
        "community",
        "appeals",
        True,
        "Looked at again, upheld",
        {
            "en": "A second person has looked at it again. What was reported breaks our rules, so the decision stands.",
            "de": "Eine zweite Person hat sich den Fall noch einmal angesehen. Der gemeldete Inhalt verstößt gegen"
            " unsere Regeln, daher bleibt die Entscheidung bestehen.",
        },
    ),
    (
        "community",
        "appeals",
        True,
        "Our mistake",
        {
            "en": "You are right, and we are sorry. The decision is reversed and no longer counts against you.",
            "de": "Sie haben recht, und es tut uns leid. Die Entscheidung ist aufgehoben und zählt nicht mehr gegen"
            " Sie.",
        },
    ),
)
