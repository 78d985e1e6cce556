"""What people of the demo and of seeded data write."""

from __future__ import annotations

CATEGORIES = ("Fashion", "Food and drink", "Travel", "Fitness", "Beauty", "Home and garden", "Technology", "Music")

BIOS = (
    "Slow travel by train, one small town at a time.",
    "Plant-based cooking for people who come home late.",
    "Street photography and good coffee, mostly before nine.",
    "Running, strength and honest reviews of shoes.",
    "I restore old furniture and film every mistake.",
    "Skincare without the fairy tales. Chemist by training.",
    "Indie games, synthesizers and the odd live stream.",
    "Two balconies, ninety pots, no lawn.",
)
BRAND_BIOS = (
    "Shoes from recycled ocean nets, made to be mended.",
    "Small-batch soaps from our workshop by the harbour.",
    "Cold brew in glass bottles that come back to us.",
    "Rucksacks for people who walk to work.",
)
FOUNDER_BIOS = (
    "Building a marketplace for tools that neighbours lend to each other.",
    "Founder of a small kitchen studio. Looking for hosts and cooks.",
    "Second company, first one with a product that my mother understands.",
    "Making festivals cheaper to run and kinder to their neighbours.",
)

# What is drawn, and what is written under it.
STORIES = (
    ("table", "Tasting the autumn menu. The green one wins."),
    ("sea", "Sunrise swim, eleven degrees. Never again. See you tomorrow."),
    ("skyline", "Rooftop shoot until the last light was gone."),
    ("mountains", "Day three on the ridge. Knees say no, eyes say yes."),
    ("stage", "Soundcheck done, doors open at eight!"),
    ("leaves", "She survived the move. Name suggestions, please."),
    ("product", "First sample of the new bottle is here."),
    ("table", "Two coffees, one contract. A good Monday."),
    ("sea", "Golden hour from the ferry."),
    ("product", "Unboxing at six tonight, bring questions."),
    ("skyline", "New office, same view over the harbour."),
    ("stage", "Thank you for last night, all four hundred of you."),
)
CAPTIONS = tuple(caption for _, caption in STORIES)

# Title, place, what it is about.
EVENTS = (
    ("Autumn launch party", "Harbour Hall, Port Alba", "Our new collection, live music and a small market of makers. Come early for the tour of the workshop."),
    ("Creator breakfast", "Café Linden, Port Alba", "Coffee and short talks: how three creators price their work. Bring your own numbers."),
    ("Sourdough for beginners", "Kitchen Studio, 3 Mill Lane", "Hands in the dough for three hours. You go home with a loaf and a starter."),
    ("Brand meets creator: speed talks", "Online", "Twelve brands, five minutes each. Ask for the brief, then decide."),
    ("Sunrise run and reviews", "Old Lighthouse", "Six kilometres at an easy pace, then we try this season's shoes."),
    ("Photo walk: neon and rain", "Central Station, north exit", "Two hours through the old market with a tripod. All cameras welcome, phones too."),
    ("Founders' fireside", "The Boathouse", "What went wrong in our first year. No slides, no recording."),
    ("Plant swap", "Glasshouse 2, Botanical Garden", "Bring a cutting, take a cutting. Advice is free."),
    ("Live session: small stage", "Cellar Club", "Three acts, thirty minutes each, filmed for the channel."),
    ("Contract clinic", "Online", "A lawyer reads your clauses. Twenty minutes a person, first come, first served."),
)  # fmt: skip

LINES = (
    "Hi! Are you free for a quick call tomorrow?",
    "Sure, after ten works best for me.",
    "I have sent you the brief, tell me what you think.",
    "Looks good. Two questions about the second shot.",
    "Could we move the deadline to Friday?",
    "Friday is fine on our side.",
    "What would three reels and one story cost?",
    "I can do that for 1,200, usage for six months included.",
    "Deal. I'll prepare the contract tonight.",
    "The parcel has arrived, thank you!",
    "The colour is even better in daylight.",
    "Here is the first cut, be honest.",
    "Love the opening. Could the logo stay a second longer?",
    "Done, have another look.",
    "Perfect, let's publish on Thursday at six.",
    "Numbers are in: 48,000 views and 312 clicks so far.",
)

# Conversations between two people, the first (0) and the second (1).
TALKS = (
    (
        (0, "Hi! We loved your series on repaired shoes."),
        (1, "Thank you! Your soles are on my list since spring."),
        (0, "We launch the autumn line in two weeks. Would you host the workshop part of the evening?"),
        (1, "I'd like that. How many people do you expect?"),
        (0, "About eighty, in three rounds."),
        (1, "Then I'd need a second table and someone to hold the camera."),
        (0, "Both can be had. What would you ask for the evening and one reel?"),
        (1, "900 for the evening, 600 for the reel, six months of usage."),
        (0, "That works for us. I'll send the contract tomorrow."),
        (1, "Wonderful. Please add that I may say what I think of the shoes."),
        (0, "Of course, that is why we asked you."),
        (1, "Then we have a deal."),
        (0, "Contract is in your mail. The hall opens at four for setting up."),
        (1, "Signed. I'll be there at four with two cameras."),
        (0, "Great! Parking is behind the hall, tell them you are with us."),
        (1, "See you on the day."),
    ),
    (
        (0, "Hello, I saw that you look for a kitchen for your filming days."),
        (1, "Yes! Mine has one socket and no window."),
        (0, "Ours has a north window and six stations. Mondays are free."),
        (1, "What is the rent for a day?"),
        (0, "180, or nothing if you mention us in the video."),
        (1, "I'd rather pay and mention you only if I like it."),
        (0, "Fair. Shall we say next Monday at nine?"),
        (1, "Nine is perfect. May I bring a dog?"),
        (0, "Not into the kitchen, but the office would love to have one."),
        (1, "She accepts."),
    ),
    (
        (0, "Your event sold out in a day, congratulations!"),
        (1, "Thank you, we are still a little stunned."),
        (0, "Would a drinks partner help? We bring cold brew for all, in glasses that come back."),
        (1, "It would. How much room do you need?"),
        (0, "Two square metres and one socket."),
        (1, "You get the corner by the stage, then."),
        (0, "And could we hang one banner?"),
        (1, "One small one. The walls are listed."),
        (0, "Understood. We'll bring it on a stand."),
    ),
    (
        (0, "Do you have the numbers of last week's story yet?"),
        (1, "48,000 views, 312 clicks, 41 sales with the code."),
        (0, "That is twice of what we hoped for."),
        (1, "The dog helped."),
        (0, "Then the dog should be in the next one too."),
        (1, "She asks for a raise."),
    ),
    (
        (0, "Quick one: may we use your picture in the newsletter?"),
        (1, "With my name under it, yes."),
        (0, "Of course. It goes out on Thursday."),
    ),
)

RUDE = "Answer me!!! You took our samples and now you hide. Everyone will hear what a fraud you are."
SPAM = "EARN 5000 A WEEK from home, message me for the link, only 3 places left"

GIVEN = (
    "Amara", "Bastian", "Camille", "Daniel", "Elif", "Farid", "Greta", "Hugo", "Ines", "Jonas",
    "Keiko", "Luca", "Maya", "Nils", "Olivia", "Pavel", "Rania", "Samir", "Tessa", "Umar",
    "Vera", "Wanda", "Xenia", "Yusuf", "Zoe", "Aiko", "Bruno", "Chiara", "Dmitri", "Esther",
)  # fmt: skip
FAMILY = (
    "Adeyemi", "Berger", "Costa", "Dubois", "Eriksen", "Fontana", "Garcia", "Haddad", "Ivanova", "Jansen",
    "Kowalski", "Lindqvist", "Moreau", "Nakamura", "Okafor", "Petrov", "Quinn", "Rossi", "Silva", "Tanaka",
)  # fmt: skip
COMPANIES = (
    "Tidewater Shoes", "Linden Soap", "Brightwell Cold Brew", "Nordpack", "Marigold Foods", "Halden Audio",
    "Clearfield Skincare", "Paper Lantern", "Sunday Cycles", "Oak and Iron", "Velvet Moss", "Kite Outdoor",
    "Morning Ferry Tea", "Fable Games", "Rosewood Ceramics",
)  # fmt: skip
