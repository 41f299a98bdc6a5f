//! The columns of a session.

use super::*;

fn one<T>(settings: Settings, events: &[Web], tell: impl Fn(&SessionRow<'_>) -> T) -> T {
    let mut sessions = each_session(&rows(settings, events), tell);
    assert_eq!(sessions.len(), 1);
    sessions.remove(0)
}

fn default<T>(events: &[Web], tell: impl Fn(&SessionRow<'_>) -> T) -> T {
    one(Settings::default(), events, tell)
}

fn at_url(event: Web, url: &'static str) -> Web {
    Web { url: Some(url), ..event }
}

#[test]
fn views_come_before_events_at_both_ends() {
    let [a, b, c] = ["https://shop.example/a?x=1", "https://shop.example/b", "https://shop.example/c"];
    let ends = |session: &SessionRow<'_>| {
        [session.entry_url, session.exit_url, session.landing_page, session.exit_page]
            .map(|end| end.unwrap_or("-").to_owned())
    };
    let events = [at_url(Web::event(0), b), at_url(Web::view(60), a), at_url(Web::event(90), c)];
    assert_eq!(default(&events, ends), [a, a, "/a", "/a"]);
    assert_eq!(default(&events, |session| session.unique_urls), 3);
    let events = [Web::event(0), at_url(Web::event(60), b), at_url(Web::event(90), c)];
    assert_eq!(default(&events, ends), [b, c, "-", "-"]);
    assert_eq!(default(&[Web::event(0)], ends), ["-"; 4]);
}

#[test]
fn copies_count_once_and_the_first_line_counts_whole() {
    let view = |file, url| Web { file, id: Some("e1".to_owned()), ..at_url(Web::view(0), url) };
    let copies = [view("shop/b.jsonl", "https://shop.example/b"), view("shop/a.jsonl", "https://shop.example/a")];
    let counts = |session: &SessionRow<'_>| (session.page_views, session.entry_url.unwrap().to_owned(), session.files);
    assert_eq!(default(&copies, counts), (1, "https://shop.example/a".to_owned(), 1));
    assert_eq!(people(&rows(Settings::default(), &copies), |id| (id.events, id.copies)), [(1, 1)]);
}

#[test]
fn a_bounce_is_one_view_or_click_that_is_soon_over() {
    let bounce = |events: &[Web]| default(events, |session| session.is_bounce);
    let click = |seconds| Web::of(Class::Event, "$autocapture", seconds);
    let leave = |seconds| Web::of(Class::Passive, "$pageleave", seconds);
    assert_eq!(bounce(&[Web::event(0)]), None);
    assert_eq!(bounce(&[Web::view(0)]), Some(true));
    assert_eq!(bounce(&[click(0)]), Some(true));
    assert_eq!(bounce(&[Web::view(0), leave(9)]), Some(true));
    assert_eq!(bounce(&[Web::view(0), leave(10)]), Some(false));
    assert_eq!(bounce(&[Web::view(0), click(1)]), Some(false));
    assert_eq!(bounce(&[Web::view(0), Web::event(1)]), Some(true));
    assert_eq!(one(preset("plausible"), &[Web::view(0), Web::event(1)], |session| session.is_bounce), Some(false));
    assert_eq!(one(preset("plausible"), &[Web::view(0), leave(60)], |session| session.is_bounce), Some(true));
}

#[test]
fn engaged_is_who_is_active_sees_two_pages_or_does_what_counts() {
    let engaged = |events: &[Web]| default(events, |session| session.is_engaged);
    assert!(!engaged(&[Web::view(0), Web::event(10)]));
    assert!(engaged(&[Web::view(0), Web::event(10).micros(1)]));
    assert!(engaged(&[Web::view(0), Web::view(1)]));
    let counting = Settings { conversions: ["add to cart".to_owned()].into(), ..Settings::default() };
    assert!(one(counting, &[Web::view(0), Web::event(1)], |session| session.is_engaged));
}

#[test]
fn pauses_are_no_activity() {
    let identify = Web::of(Class::Identity, "$identify", 1_500);
    let leave = Web::of(Class::Passive, "$pageleave", 1_260);
    let events = [Web::view(0), Web::event(600), Web::event(1_201), leave, identify];
    let times = |session: &SessionRow<'_>| (session.duration_seconds, session.active_seconds);
    assert_eq!(default(&events, times), (1_500, 659));
    let events = [Web::view(0), Web::event(600).micros(1)];
    assert_eq!(default(&events, times), (600, 0), "ten minutes and a microsecond");
}

#[test]
fn campaign_and_referrer_come_from_one_event() {
    let set = |session: &SessionRow<'_>| {
        let values = [session.utm_campaign, session.gclid, session.referring_domain, session.channel];
        values.map(|value| value.unwrap_or("-").to_owned())
    };
    let search = Web { referrer: Some("https://www.google.com/"), ..Web::view(0) };
    assert_eq!(default(&[search.clone(), Web::view(60)], set), ["-", "-", "google.com", "Organic Search"]);
    let clicked = Web { clicks: &[("gclid", "Cj0")], ..search.clone() };
    assert_eq!(default(&[clicked], set), ["-", "Cj0", "google.com", "Paid Search"]);
    let letter = Web { campaign: Some("Spring"), ..Web::view(60) };
    let adopted = [Web { referrer: Some("$direct"), ..Web::event(0) }, letter];
    assert_eq!(default(&adopted, set)[0], "Spring", "of the view that was taken over");
    let own = Web { referrer: Some("https://shop.example/b"), ..Web::view(0) };
    assert_eq!(default(&[own], set), ["-", "-", "-", "Direct"]);
    assert_eq!(default(&[Web { campaign: Some("Spring"), ..Web::event(5) }, Web::event(0)], set)[0], "Spring");
}

#[test]
fn each_value_of_a_device_is_of_the_earliest_event_that_has_it() {
    const IPHONE: &str = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) \
                          Version/17.5 Mobile/15E148 Safari/604.1";
    let device = |seconds, device| Web { device, ..Web::of(Class::Passive, "$set", seconds) };
    let events = [
        Web::view(0),
        device(1, Device { os: Some("iOS"), screen: Some((390, 844)), ..Device::default() }),
        device(2, Device { os: Some("Android"), user_agent: Some(IPHONE), ..Device::default() }),
    ];
    let values = default(&events, |session| {
        let values = [session.device_type, session.os, session.os_version, session.browser, session.screen_resolution];
        values.map(|value| value.unwrap_or("-").to_owned())
    });
    assert_eq!(values, ["Mobile", "iOS", "17.5", "Mobile Safari", "390x844"]);
    assert!(!default(&events, |session| session.is_bot));
    let bot = Device { user_agent: Some("Mozilla/5.0 (compatible; GPTBot/1.2)"), ..Device::default() };
    assert!(default(&[Web { device: bot, ..Web::view(0) }], |session| session.is_bot));
    assert!(default(&[Web { properties: r#"{"webdriver":true}"#, ..Web::view(0) }], |session| session.is_bot));
}

#[test]
fn properties_are_kept_that_the_configuration_names() {
    let view = |seconds, properties| Web { properties, ..Web::view(seconds) };
    let events =
        [view(0, r#"{"plan":"free","secret":1}"#), view(60, r#"{"plan":"paid","seats":3,"nested":{"a":[1]}}"#)];
    let settings =
        Settings { properties: ["plan", "seats", "nested"].map(str::to_owned).into(), ..Settings::default() };
    let kept = one(settings, &events, |session| session.properties.map(str::to_owned));
    assert_eq!(kept.as_deref(), Some(r#"{"nested":{"a":[1]},"plan":"free","seats":3}"#));
    assert_eq!(default(&events, |session| session.properties.map(str::to_owned)), None);
    let deep = format!("{}{}", r#"{"plan":"#.repeat(200), "}".repeat(200)).leak();
    let settings = Settings { properties: ["plan".to_owned()].into(), ..Settings::default() };
    assert_eq!(one(settings, &[view(0, deep)], |session| session.page_views), 1);
}

#[test]
fn masked_values_are_not_stored() {
    use crate::settings::Mask;
    let view = Web {
        referrer: Some("https://news.example/?id=7"),
        clicks: &[("gclid", "Cj0")],
        ..at_url(Web::view(0), "https://ada:pass@shop.example/a;sid=8?token=x#y")
    };
    let tracking = |mask| Tracking::new(Settings { mask, ..Settings::default() }, None);
    let stored = |mask| format!("{:?}", folded(&tracking(mask), &numbered(std::slice::from_ref(&view))));
    let plain = stored(Mask::default());
    assert!(["ada:pass", "sid=8", "token=x", "id=7", "Cj0"].iter().all(|secret| plain.contains(secret)));
    let masked = stored(Mask { query: true, click_ids: true, ip: true });
    assert!(
        ["ada:pass", "sid=8", "token=x", "#y", "id=7", "Cj0"].iter().all(|secret| !masked.contains(secret)),
        "{masked}"
    );
    let versions = [Mask::default(), Mask { ip: true, ..Mask::default() }, Mask { query: true, ..Mask::default() }];
    let [plain, ip, query] = versions.map(|mask| tracking(mask).manifest().version);
    assert!(plain != ip && ip != query && query != plain, "every file is due again");
}

#[test]
fn addresses_in_properties_are_masked_whatever_they_look_like() {
    use crate::settings::Mask;
    let properties = r##"{"$current_url":"/rel?A=1#x","$referrer":"rel?A=2","href":"javascript:alert?A","at":" /a;A=3?A",
        "links":["see https://a.example/?A",{"toUrl":"mailto:zoe@oil.example?A"}],"path":["?A=4"],"plan":"free? A;B"}"##;
    let names = ["$current_url", "$referrer", "href", "at", "links", "path", "plan"].map(str::to_owned);
    let kept = |query| {
        let mask = Mask { query, ..Mask::default() };
        let settings = Settings { mask, properties: names.clone().into(), ..Settings::default() };
        let view = Web { properties, ..Web::view(0) };
        one(settings, &[view], |session| session.properties.map(str::to_owned)).unwrap()
    };
    assert_eq!(kept(false).matches('A').count(), 9);
    assert_eq!(
        kept(true),
        r#"{"$current_url":"/rel","$referrer":"rel","at":"/a","href":"javascript:alert","links":["see https://a.example/",{"toUrl":"mailto:zoe@oil.example"}],"path":[""],"plan":"free? A;B"}"#
    );
}

#[test]
fn unusual_times_are_kept_and_marked() {
    let view = Web { at: "1970-01-01T00:00:00Z".parse().unwrap(), ..Web::view(0) };
    assert!(default(&[view], |session| session.suspect_time));
    assert!(!default(&[Web::view(0)], |session| session.suspect_time));
    let ends = [DateTime::<Utc>::MIN_UTC, DateTime::<Utc>::MAX_UTC].map(|at| Web { at, ..Web::view(0) });
    assert_eq!(each_session(&rows(Settings::default(), &ends), |session| session.suspect_time), [true, true]);
}

#[test]
fn transcripts_are_work() {
    use sessionmill_contract::event::{Response, ToolCall, ToolKind};
    use sessionmill_contract::{Agent, Output, Transcript, Work};
    let tracking = Tracking::default();
    let call = |message_id, call_id| {
        Agent::ToolCall(ToolCall {
            call_id: Some(call_id),
            message_id: Some(message_id),
            tool: "Bash",
            kind: ToolKind::Plain,
            work: Work::Other,
        })
    };
    let response = |id| Agent::Response(Response { message_id: Some(id), ..Response::default() });
    let failed = Agent::ToolResult {
        call_id: Some("c1"),
        is_error: true,
        declined_by: None,
        web_searches: 0,
        fault: None,
        lines: None,
        output: Output::Nothing,
    };
    let said = |session: &'static str, cwd: &'static str, side_chain| Transcript {
        agent: "claude-code",
        session_id: Some(session),
        cwd: Some(cwd),
        side_chain,
        ..Transcript::default()
    };
    let main = said("t1", "/src/mill", false);
    let lines = [
        (0, "u1", main, Agent::Prompt { text: "oil it" }),
        (5, "u2", main, response("m1")),
        (6, "u3", main, response("m1")),
        (6, "u3", main, call("m1", "c1")),
        (60, "u4", main, failed),
        (70, "u5", said("t2", "/src/shop", false), Agent::Prompt { text: "and the hinge" }),
        (400, "u6", main, response("m2")),
        (410, "u7", said("t1", "/src/mill", true), response("m3")),
        (420, "u8", said("t1", "/src/mill", true), Agent::Prompt { text: "a task" }),
    ];
    let fold = |name: &str| {
        let file = SourceFile::new(name, "ada");
        let mut fold = tracking.open(&file);
        for (line, (seconds, id, transcript, agent)) in (1..).zip(&lines) {
            let said = Said::Agent(transcript, *agent);
            fold.event(&Event { line, time: Some(at(*seconds, 0)), id: Some(id), said });
        }
        let mut rows = Rows::default();
        fold.finish(&mut rows).unwrap();
        (file, rows)
    };
    // A copy of the transcript does not count again.
    let rows = settled(&tracking, &[fold("ada/a.jsonl"), fold("ada/b.jsonl")], Cut::Islands);
    let sessions = each_session(&rows, |session| {
        let counts =
            [session.prompts, session.responses, session.tool_calls, session.errors, session.parallel_transcripts];
        (
            outline(session),
            counts.map(Option::unwrap_or_default),
            session.projects.unwrap().to_owned(),
            session.channel.is_none(),
        )
    });
    let projects = r#"["/src/mill","/src/shop"]"#.to_owned();
    assert_eq!(sessions, [("0-400 idle 2/5".to_owned(), [2, 3, 1, 1, 2], projects, true)]);
}
