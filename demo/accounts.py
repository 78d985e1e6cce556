"""Who is there: the accounts that people sign in with, and sixty others."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import Group

from apps.audit.actions import Action
from apps.users.models import Profile, Role, User
from demo import texts
from demo.drawing.people import logo, portrait
from demo.scenario import Scenario, change, create

PASSWORD = "infloo-demo"
STAFF = {
    "admin": "",
    "compliance": "Compliance Officer",
    "community": "Community Manager",
    "access": "Access Manager",
    "support": "User Support Specialist",
}
TRIO = ("brand1", "influencer1", "entrepreneur1")
NEWCOMER = "newcomer1"
# Of the sixty, so many have not been verified.
NEW_FACES = 14


@dataclass(frozen=True)
class Character:
    username: str
    role: str
    company: str = ""
    bio: str = ""


def make(scenario: Scenario) -> None:
    password = make_password(PASSWORD)
    staff = [
        User(
            username=name,
            email=f"{name}@staff.infloo.example",
            password=password,
            role=Role.STAFF,
            is_staff=True,
            is_superuser=name == "admin",
            date_joined=scenario.ago(days=400),
        )
        for name in STAFF
    ]
    characters = [*_trio_and_newcomer(), *_others()]
    clients = [
        User(
            username=character.username,
            email=f"{character.username}@example.com",
            password=password,
            role=character.role,
            phone=f"+1 555 {place:04d}" if place % 3 else "",
            date_joined=_joined(scenario, place, character),
        )
        for place, character in enumerate(characters)
    ]
    create(staff, by=lambda _: None, at=lambda user: user.date_joined, action=Action.STAFF_ADDED)
    create(clients, by=lambda user: user, at=lambda user: user.date_joined, action=Action.ACCOUNT_REGISTERED)
    scenario.users = {user.username: user for user in (*staff, *clients)}
    for name, group in STAFF.items():
        if group:
            scenario[name].groups.add(Group.objects.get(name=group))
    profiles = [_profile(scenario, character) for character in characters]
    create(
        [*profiles, *(Profile(user=user) for user in staff)],
        by=lambda profile: profile.user,
        at=lambda profile: profile.user.date_joined,
        action=Action.ACCOUNT_REGISTERED,
    )
    unverified = {NEWCOMER, *(character.username for character in characters[-NEW_FACES:])}
    verified = [user for user in clients if user.username not in unverified]
    for user in verified:
        user.identity_verified = True
    change(
        verified,
        ["identity_verified"],
        by=lambda _: scenario["compliance"],
        at=lambda user: user.date_joined + timedelta(hours=20),
        action=Action.DOCUMENT_APPROVED,
    )


def _trio_and_newcomer() -> list[Character]:
    return [
        Character("brand1", Role.BRAND, "Tidewater Shoes", texts.BRAND_BIOS[0]),
        Character("influencer1", Role.INFLUENCER, bio=texts.BIOS[0]),
        Character("entrepreneur1", Role.ENTREPRENEUR, "The Kitchen Studio", texts.FOUNDER_BIOS[1]),
        Character(NEWCOMER, Role.INFLUENCER, bio=texts.BIOS[7]),
    ]


def _others() -> list[Character]:
    """Sixty in an order that mixes the roles: two influencers, a brand, an entrepreneur, and again."""
    names = [f"{texts.GIVEN[place % 30]}.{texts.FAMILY[(place * 7 + place // 30) % 20]}".lower() for place in range(45)]
    influencers = (Character(name, Role.INFLUENCER, bio=_turn(texts.BIOS, name)) for name in names[:30])
    brands = (
        Character(company.lower().replace(" ", "_"), Role.BRAND, company, _turn(texts.BRAND_BIOS, company))
        for company in texts.COMPANIES
    )
    founders = (
        Character(name, Role.ENTREPRENEUR, f"{name.split('.')[1].title()} & Co", _turn(texts.FOUNDER_BIOS, name))
        for name in names[30:]
    )
    return [next(kind) for _ in range(15) for kind in (influencers, influencers, brands, founders)]


def _turn(choices: tuple[str, ...], name: str) -> str:
    return choices[sum(name.encode()) % len(choices)]


def _joined(scenario: Scenario, place: int, character: Character) -> datetime:
    if character.username == NEWCOMER:
        return scenario.ago(hours=3)
    if place > 63 - NEW_FACES:
        return scenario.ago(days=(64 - place) * 0.8, hours=2)
    return scenario.ago(days=380 - place * 6)


def _profile(scenario: Scenario, character: Character) -> Profile:
    is_company = character.role == Role.BRAND
    picture = logo(scenario.random, character.company) if is_company else portrait(scenario.random)
    # Some never chose one and show the default picture.
    has_picture = character.username != NEWCOMER and scenario.random.random() < 0.9
    handle = character.username.replace(".", "")
    return Profile(
        user=scenario[character.username],
        bio=character.bio,
        social_links={"instagram": f"https://instagram.example/{handle}", "website": f"https://{handle}.example"}
        if character.role == Role.INFLUENCER
        else {"website": f"https://{handle.replace('_', '-')}.example"},
        company_name=character.company,
        business_category=scenario.random.choice(texts.CATEGORIES),
        image=scenario.store("profiles", "image/jpeg", picture).name if has_picture else "",
    )
