//! Which ids are one person.

use super::*;
use crate::edge::EdgeRow;
use crate::settings::Identity;

/// Each id with its person.
fn who(settings: Settings, events: &[Web]) -> Vec<String> {
    let mut ids = people(&rows(settings, events), |id| format!("{} is {}", id.distinct_id, id.person_id));
    ids.sort();
    ids.dedup();
    ids
}

fn refused(events: &[Web]) -> u64 {
    let rows = rows(Settings::default(), events);
    rows.of(&EDGES).map(|row| EdgeRow::read(row).unwrap().refused).sum()
}

fn identify(seconds: i64, user: &str, anonymous: &str) -> Web {
    Web::of(Class::Identity, "$identify", seconds).by(user).linking(user, anonymous)
}

#[test]
fn somebody_who_logs_in_is_one_person_in_one_session() {
    let events = [Web::view(0).by("anon-1"), identify(60, "zoe", "anon-1"), Web::view(90).by("zoe")];
    assert_eq!(who(Settings::default(), &events), ["anon-1 is zoe", "zoe is zoe"]);
    let rows = rows(Settings::default(), &events);
    let sessions =
        each_session(&rows, |session| format!("{} {} {}", outline(session), session.person_id, session.distinct_id));
    assert_eq!(sessions, ["0-90 idle 2/2 zoe anon-1"]);
}

#[test]
fn the_earliest_link_counts_wherever_it_stands() {
    let anonymous = Web::view(0).by("anon-1");
    let [first, second] = [identify(60, "zoe", "anon-1"), identify(120, "bob", "anon-1")];
    let users = [Web::view(200).by("zoe"), Web::view(200).by("bob")];
    for links in [[first.clone(), second.clone()], [second, first]] {
        let events = [std::slice::from_ref(&anonymous), &links[..], &users[..]].concat();
        assert_eq!(who(Settings::default(), &events), ["anon-1 is zoe", "bob is bob", "zoe is zoe"]);
        assert_eq!(refused(&events), 1);
        let union = Settings { identity: Identity::Union, ..Settings::default() };
        assert_eq!(who(union, &events), ["anon-1 is bob", "bob is bob", "zoe is bob"]);
    }
}

#[test]
fn an_id_that_is_a_user_joins_no_other() {
    let events = [identify(0, "zoe", "anon-1"), identify(60, "bob", "zoe"), Web::view(90).by("anon-1")];
    assert_eq!(who(Settings::default(), &events), ["anon-1 is zoe", "bob is bob", "zoe is zoe"]);
    assert_eq!(refused(&events), 1);
    let forced = Web { link: Some(("bob".to_owned(), "zoe".to_owned(), true)), ..identify(60, "bob", "zoe") };
    let events = [identify(0, "zoe", "anon-1"), forced, Web::view(90).by("anon-1")];
    assert_eq!(who(Settings::default(), &events), ["anon-1 is bob", "bob is bob", "zoe is bob"]);
    assert_eq!(refused(&events), 0);
}

#[test]
fn an_id_of_more_than_a_hundred_users_joins_nobody() {
    let links = |users: i64| -> Vec<Web> {
        let link = |user| identify(user, &format!("user-{user:03}"), "kiosk");
        (0..users).map(link).chain([Web::view(500).by("kiosk")]).collect()
    };
    assert!(who(Settings::default(), &links(100)).contains(&"kiosk is user-000".to_owned()));
    assert!(who(Settings::default(), &links(101)).contains(&"kiosk is kiosk".to_owned()));
    assert_eq!([refused(&links(100)), refused(&links(101))], [99, 101]);
}

#[test]
fn a_client_session_that_means_nothing_joins_nobody() {
    for (client, sessions) in [("c1", 1), ("undefined", 2), ("0", 2), ("00000000-0000-0000-0000-000000000000", 2)] {
        let events = [Web::view(0).by("zoe").in_session(client), Web::view(60).by("bob").in_session(client)];
        assert_eq!(each_session(&rows(Settings::default(), &events), |_| ()).len(), sessions, "{client}");
    }
    let shared = |people: i64| -> Vec<Web> {
        (0..people).map(|one| Web::view(one).by(&format!("p{one:03}")).in_session("kiosk")).collect()
    };
    let sessions = |people| each_session(&rows(Settings::default(), &shared(people)), |_| ()).len();
    assert_eq!([sessions(100), sessions(101)], [1, 101]);
}

#[test]
fn nobody_joins_nobody() {
    let events = [identify(0, "zoe", "anonymous"), Web::view(60).by("anonymous"), identify(90, "null", "anon-1")];
    assert_eq!(who(Settings::default(), &events), ["anonymous is anonymous", "null is null", "zoe is zoe"]);
    let flags = people(&rows(Settings::default(), &events), |id| (id.distinct_id.to_owned(), id.nobody));
    assert_eq!(flags.iter().filter(|(_, nobody)| *nobody).count(), 2);
}

#[test]
fn folders_are_apart() {
    let other = |event: Web| Web { file: "other/a.jsonl", ..event };
    let events = [identify(0, "zoe", "anon-1"), other(Web::view(0).by("anon-1")), other(Web::view(60).by("zoe"))];
    let sessions = each_session(&rows(Settings::default(), &events), |session| {
        format!("{} {}", session.username, session.person_id)
    });
    assert_eq!(sessions, ["other anon-1", "other zoe"]);
}

#[test]
fn two_people_in_one_session_of_a_client_stay_two_people() {
    let events = [
        Web::view(0).by("anon-1").in_session("s"),
        Web::view(60).by("bob").in_session("s"),
        Web::view(4_000).by("anon-1"),
        Web::view(4_000).by("bob"),
    ];
    assert_eq!(who(Settings::default(), &events), ["anon-1 is anon-1", "bob is bob"]);
    let rows = rows(Settings::default(), &events);
    let sessions =
        each_session(&rows, |session| format!("{} {} {}", outline(session), session.person_id, session.distinct_id));
    assert_eq!(sessions, ["0-60 client 2/2 bob bob", "4000-4000 idle 1/1 anon-1 anon-1", "4000-4000 idle 1/1 bob bob"]);
}

#[test]
fn ten_thousand_links_in_a_ring_are_one_person() {
    let link = |number: i64| {
        let (user, anonymous) = (format!("id-{number:05}"), format!("id-{:05}", (number + 1) % 10_000));
        vec![
            Value::from(&*format!("shop/web/{anonymous}")),
            Value::from("identity"),
            Value::from(&*format!("shop/web/{user}")),
            Value::from(&*format!("shop/web/{anonymous}")),
            Value::from(0_u64),
        ]
    };
    let edges: Vec<_> = (0..10_000).map(link).collect();
    let people = crate::people::People::of(&edges).unwrap();
    for number in [0, 1, 4_999, 9_999] {
        assert_eq!(people.person_id(&format!("shop/web/id-{number:05}")), "id-00000");
    }
    assert_eq!(people.person_id("shop/web/other"), "other");
}
