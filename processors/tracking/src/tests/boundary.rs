//! When a session ends, for each way of cutting.

use super::*;
use crate::settings::SessionSource;

const MINUTES: i64 = 60;
const HOURS: i64 = 3_600;

fn default(events: &[Web]) -> Vec<String> {
    outlines(Settings::default(), events)
}

/// Each session with the second at which it closed, and the number of events without a session.
fn closed(events: &[Web]) -> (Vec<(String, i64)>, u64) {
    let rows = rows(Settings::default(), events);
    let closed = each_session(&rows, |session| {
        (outline(session), session.closed_at.signed_duration_since(at(0, 0)).num_seconds())
    });
    (closed, people(&rows, |id| id.loose).iter().sum())
}

#[test]
fn half_an_hour_stays_and_a_microsecond_more_does_not() {
    let [first, second] = [Web::view(0), Web::event(30 * MINUTES)];
    assert_eq!(default(&[first.clone(), second.clone()]), ["0-1800 idle 1/2"]);
    assert_eq!(default(&[first, second.micros(1)]), ["0-0 idle 1/1", "1800-1800 idle 0/1"]);
}

#[test]
fn each_event_gives_another_half_hour() {
    let views: Vec<_> = (0..10).map(|number| Web::view(number * 29 * MINUTES)).collect();
    assert_eq!(default(&views), ["0-15660 idle 10/10"]);
}

#[test]
fn a_day_is_the_longest_session() {
    let mut views: Vec<_> = (0..=72).map(|number| Web::view(number * 20 * MINUTES)).collect();
    assert_eq!(default(&views), ["0-86400 idle 73/73"]);
    let last = views.pop().unwrap();
    views.push(last.micros(1));
    assert_eq!(default(&views), ["0-85200 length 72/72", "86400-86400 idle 1/1"]);
    assert_eq!(outlines(preset("ga4"), &views), ["0-86400 idle 73/73"], "a preset without a limit");
}

#[test]
fn an_end_closes_what_runs() {
    let end = |seconds| Web::of(Class::End, "$session_end", seconds);
    let closed = |events: &[Web]| closed(events).0;
    assert_eq!(
        closed(&[Web::view(0), end(60), Web::view(90)]),
        [("0-0 end 1/1".to_owned(), 60), ("90-90 idle 1/1".to_owned(), 90)]
    );
    assert_eq!(closed(&[Web::view(0), end(31 * MINUTES)]), [("0-0 idle 1/1".to_owned(), 0)], "it was over");
    assert_eq!(closed(&[end(0), Web::view(60)]), [("60-60 idle 1/1".to_owned(), 60)], "nothing ran");
}

#[test]
fn another_campaign_begins_a_session_and_none_does_not() {
    let by = |seconds, campaign| Web { campaign, ..Web::view(seconds) };
    let spring = Some("spring");
    assert_eq!(default(&[by(0, spring), by(60, None), by(120, Some(" SPRING"))]), ["0-120 idle 3/3"]);
    assert_eq!(default(&[by(0, spring), by(60, Some("summer"))]), ["0-0 campaign 1/1", "60-60 idle 1/1"]);
    assert_eq!(default(&[by(0, None), by(60, spring)]), ["0-0 campaign 1/1", "60-60 idle 1/1"]);
    assert_eq!(default(&[Web::event(0), by(60, spring)]), ["0-60 idle 1/2"], "before its first view it takes it over");
    let clicked = |seconds, clicks| Web { clicks, ..Web::view(seconds) };
    let clicks = [clicked(0, &[("gclid", "a")]), clicked(60, &[("gclid", "b")])];
    assert_eq!(default(&clicks), ["0-0 campaign 1/1", "60-60 idle 1/1"]);
}

#[test]
fn another_site_begins_a_session_and_the_own_one_does_not() {
    let from = |seconds, referrer| Web { referrer: Some(referrer), ..Web::view(seconds) };
    let [search, news, own] = ["https://search.example/?q=oil", "https://news.example/", "https://www.shop.example/a"];
    assert_eq!(default(&[from(0, search), from(60, own), from(120, "https://m.search.example/")]), ["0-120 idle 3/3"]);
    assert_eq!(default(&[from(0, search), from(60, news)]), ["0-0 referrer 1/1", "60-60 idle 1/1"]);
    assert_eq!(default(&[from(0, own), from(60, news)]), ["0-0 referrer 1/1", "60-60 idle 1/1"]);
    assert_eq!(default(&[Web::event(0), from(60, news)]), ["0-60 idle 1/2"]);
    assert_eq!(default(&[from(0, "$direct"), from(60, "about:blank")]), ["0-60 idle 2/2"], "neither is a site");
    let paid = [from(0, search), from(60, "https://www.paypal.com/checkout")];
    assert_eq!(default(&paid), ["0-60 idle 2/2"], "who comes back from paying did not come from there");
    let sister = Settings { own_domains: vec!["news.example".to_owned()], ..Settings::default() };
    assert_eq!(outlines(sister, &[from(0, search), from(60, news)]), ["0-60 idle 2/2"]);
    assert_eq!(outlines(preset("posthog"), &[from(0, search), from(60, news)]), ["0-60 idle 2/2"]);
}

#[test]
fn passive_events_neither_open_nor_extend_a_session() {
    let passive = |seconds| Web::of(Class::Passive, "$pageleave", seconds);
    let events = [passive(0), Web::view(60), passive(29 * MINUTES), Web::view(32 * MINUTES), passive(63 * MINUTES)];
    assert_eq!(default(&events), ["60-60 idle 1/1", "1920-1920 idle 1/1"]);
    let loose = people(&rows(Settings::default(), &events), |id| id.loose);
    assert_eq!(loose.iter().sum::<u64>(), 2);
    // In PostHog's clients, any capture other than a recording continues a session.
    assert_eq!(outlines(preset("posthog"), &events), ["0-1920 idle 2/2", "3780-3780 idle 0/0"]);
    let recorded = |seconds| Web::of(Class::Passive, "$snapshot", seconds);
    let events = [recorded(0), Web::view(60), recorded(29 * MINUTES), Web::view(32 * MINUTES)];
    assert_eq!(outlines(preset("posthog"), &events), ["60-60 idle 1/1", "1920-1920 idle 1/1"]);
    assert_eq!(outlines(preset("rudderstack"), &events), ["0-1920 idle 2/2"], "every call counts there");
}

#[test]
fn a_passive_event_at_the_time_of_the_first_view_belongs_to_it_wherever_it_stands() {
    let passive = Web::of(Class::Passive, "$set", 0);
    for events in [[passive.clone(), Web::view(0)], [Web::view(0), passive]] {
        let loose = people(&rows(Settings::default(), &events), |id| id.loose);
        assert_eq!(loose, [0]);
    }
}

#[test]
fn pings_keep_alive_where_a_preset_says_so() {
    let ping = |seconds| Web::of(Class::Ping, "engagement", seconds);
    let events = [ping(0), Web::view(60), ping(20 * MINUTES), Web::view(45 * MINUTES)];
    assert_eq!(outlines(preset("plausible"), &events), ["60-2700 idle 2/2"]);
    assert_eq!(outlines(preset("matomo"), &events), ["60-2700 idle 2/2"]);
    assert_eq!(default(&events), ["60-60 idle 1/1", "2700-2700 idle 1/1"]);
    let lasts = |name| each_session(&rows(preset(name), &events[..3]), |session| session.duration_seconds);
    assert_eq!(lasts("matomo"), [1_140]);
    assert_eq!(lasts("plausible"), [0], "a ping adds no time there");
}

#[test]
fn a_visit_that_began_direct_takes_a_campaign_over_in_matomo() {
    let by = |seconds, campaign| Web { campaign, ..Web::view(seconds) };
    let events = [by(0, None), by(60, Some("spring")), by(120, Some("summer"))];
    assert_eq!(outlines(preset("matomo"), &events), ["0-60 campaign 2/2", "120-120 idle 1/1"]);
    assert_eq!(
        each_session(&rows(preset("matomo"), &events), |session| session.utm_campaign.map(str::to_owned)),
        [Some("spring".to_owned()), Some("summer".to_owned())]
    );
}

#[test]
fn a_new_day_begins_a_session_where_the_site_is() {
    let events = [Web::view(13 * HOURS + 50 * MINUTES), Web::view(14 * HOURS + 10 * MINUTES)];
    let reasons = |zone: &str| outlines(Settings { zone: zone.parse().unwrap(), ..preset("matomo") }, &events);
    assert_eq!(reasons("UTC"), ["49800-49800 day 1/1", "51000-51000 idle 1/1"]);
    assert_eq!(reasons("Europe/Athens"), ["49800-51000 idle 2/2"], "it is ten to two there");
}

#[test]
fn a_ping_after_midnight_does_not_hide_the_change_of_day() {
    let ping = Web::of(Class::Ping, "$pageleave", 14 * HOURS + 10);
    let events = [Web::view(14 * HOURS - MINUTES), ping, Web::view(14 * HOURS + 5 * MINUTES)];
    assert_eq!(outlines(preset("matomo"), &events), ["50340-50410 day 1/1", "50700-50700 idle 1/1"]);
}

#[test]
fn ten_thousand_actions_are_a_session_at_most() {
    let events: Vec<_> = (0..10_001).map(Web::event).collect();
    assert_eq!(outlines(preset("matomo"), &events), ["0-9999 actions 0/10000", "10000-10000 idle 0/1"]);
}

#[test]
fn sessions_that_clients_name_are_whole_whatever_lies_between() {
    let named = |seconds, client| Web::view(seconds).in_session(client);
    let events = [named(0, "a"), named(60, "b"), named(50 * HOURS, "a"), Web::event(90), Web::event(60 * HOURS)];
    assert_eq!(default(&events), ["0-180000 client 2/2", "60-90 client 1/2", "216000-216000 idle 0/1"]);
    let source = |session_source| outlines(Settings { session_source, ..Settings::default() }, &events);
    assert_eq!(source(SessionSource::Client), ["0-180000 client 2/2", "60-90 client 1/2"]);
    assert_eq!(source(SessionSource::Computed), ["0-90 idle 2/3", "180000-180000 idle 1/1", "216000-216000 idle 0/1"]);
}

#[test]
fn passive_events_alone_are_no_session_of_a_client() {
    let passive = Web::of(Class::Passive, "$pageleave", 60).in_session("a");
    assert_eq!(default(std::slice::from_ref(&passive)), [""; 0]);
    let rows = rows(Settings::default(), &[Web::view(0), passive]);
    assert_eq!(people(&rows, |id| id.loose), [0], "the session that runs has it");
}

#[test]
fn an_end_closes_the_session_that_it_names() {
    let end = Web::of(Class::End, "$session_end", 120).in_session("a");
    let events = [Web::view(0).in_session("a"), Web::view(60).in_session("b"), end];
    assert_eq!(default(&events), ["0-0 end 1/1", "60-60 client 1/1"]);
}

#[test]
fn events_that_name_no_session_keep_that_of_a_client_alive() {
    let named = Web::view(0).in_session("a");
    let leave = Web::of(Class::Passive, "$pageleave", 55 * MINUTES);
    let events = [named.clone(), Web::event(25 * MINUTES), Web::event(40 * MINUTES), leave];
    let rows = rows(Settings::default(), &events);
    assert_eq!(each_session(&rows, outline), ["0-2400 client 1/3"]);
    assert_eq!(people(&rows, |id| id.loose), [0]);
    assert_eq!(default(&[named.clone(), Web::event(25 * MINUTES), Web::event(56 * MINUTES)])[1], "3360-3360 idle 0/1");
    // A ping keeps a session alive where a preset says so; other passive events do not.
    let events = |class| [named.clone(), Web::of(class, "$pageleave", 25 * MINUTES), Web::event(40 * MINUTES)];
    assert_eq!(outlines(preset("matomo"), &events(Class::Ping)), ["0-2400 client 1/2"]);
    assert_eq!(outlines(preset("matomo"), &events(Class::Passive)), ["0-0 client 1/1", "2400-2400 idle 0/1"]);
}

#[test]
fn events_that_name_no_session_do_not_continue_one_that_an_end_closed() {
    let named = |seconds| Web::view(seconds).in_session("a");
    let end = |seconds| Web::of(Class::End, "reset", seconds);
    let leave = Web::of(Class::Passive, "$pageleave", 120);
    let ended = ("0-0 end 1/1".to_owned(), 60);
    let after = ("300-300 idle 0/1".to_owned(), 300);
    for end in [end(60), end(60).in_session("a")] {
        // The first end after the last activity closes the session, whether or not it names the session.
        let events = [named(0), end, leave.clone(), Web::of(Class::End, "reset", 180), Web::event(300)];
        assert_eq!(closed(&events), (vec![ended.clone(), after.clone()], 1), "the second end ends nothing");
    }
    let again = |end| closed(&[named(0), end, named(60), Web::event(300)]).0;
    let goes_on = [("0-300 client 2/3".to_owned(), 300)];
    for seconds in [30, 60] {
        assert_eq!(again(end(seconds)), goes_on, "the client goes on with it");
        assert_eq!(again(end(seconds).in_session("a")), goes_on);
    }
    let two = [named(0), Web::view(30).in_session("b"), end(60), Web::event(90)];
    let both = [("0-90 client 1/2".to_owned(), 90), ("30-30 end 1/1".to_owned(), 60)];
    assert_eq!(closed(&two).0, both, "the one that began last is closed, and the other runs");
}
