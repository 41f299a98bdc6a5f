//! What records of both formats say, as SDKs send them and exports write them.

use crate::dialect::Reader;
use sessionmill_contract::{Activity, Event, Said};
use std::fmt::Write as _;

/// What the lines say, one text each: activities, malformed records and unknown ones.
fn said(lines: &[&str]) -> Vec<String> {
    let mut all = Vec::new();
    let mut reader = Reader::default();
    let mut offset = 0;
    for (number, line) in (1..).zip(lines) {
        reader.line(number, offset, line.as_bytes(), &mut |event| all.extend(shown(event)));
        offset += line.len() as u64 + 1;
    }
    all
}

fn shown(event: &Event<'_>) -> Option<String> {
    match event.said {
        Said::Activity(activity) => Some(activity_shown(event, activity)),
        Said::Malformed { why } => Some(format!("{} lost: {why}", event.line)),
        Said::Record { kind, known: false } => Some(format!("{} unknown: {kind}", event.line)),
        Said::Record { .. } => None,
        _ => Some(format!("{} another family", event.line)),
    }
}

/// The fields that are present, by name, without the properties.
fn activity_shown(event: &Event<'_>, activity: &Activity<'_>) -> String {
    let Activity { class, name, part, distinct_id, client_session_id, links, url, path, referrer, .. } = *activity;
    let time = event.time.map(|time| time.format("%m-%dT%H:%M:%S%.f").to_string()).unwrap_or_default();
    let mut text = format!("{}.{part} {class:?} {name} by {distinct_id} at {time}", event.line);
    let campaign = activity.campaign;
    let (device, geo) = (activity.device, activity.geo);
    for (name, value) in [
        ("id", event.id.filter(|_| activity.has_own_id)),
        ("session", client_session_id),
        ("url", url),
        ("path", path),
        ("referrer", referrer),
        ("source", campaign.source),
        ("medium", campaign.medium),
        ("campaign", campaign.name),
        ("term", campaign.term),
        ("content", campaign.content),
        ("device", device.kind),
        ("os", device.os),
        ("os_version", device.os_version),
        ("browser", device.browser),
        ("browser_version", device.browser_version),
        ("agent", device.user_agent),
        ("ip", geo.ip),
        ("country", geo.country),
        ("region", geo.region),
        ("city", geo.city),
        ("zone", geo.timezone),
    ] {
        if let Some(value) = value {
            write!(text, " {name}={value}").unwrap();
        }
    }
    for (name, value) in activity.click_ids {
        write!(text, " {name}={value}").unwrap();
    }
    if let Some((width, height)) = device.screen {
        write!(text, " screen={width}x{height}").unwrap();
    }
    for link in links {
        write!(text, " {}{}={}", link.user, if link.is_forced { "!" } else { "" }, link.anonymous).unwrap();
    }
    if let Some(replay) = activity.replay {
        write!(text, " replay={}@{}+{}", replay.kind, replay.offset, replay.length).unwrap();
    }
    text
}

/// What one line says.
fn one(line: &str) -> String {
    said(&[line]).join(" | ")
}

#[test]
fn a_page_view_of_a_browser_is_read_whole() {
    let line = r#"{"uuid":"0195a1b2-0001","event":"$pageview","properties":{"$os":"Linux","$os_version":"6.8","$browser":"Firefox","$device_type":"Desktop","$current_url":"https://mill.example/flour?utm_source=Stones&utm_medium=cpc&utm_campaign=spring+grind&utm_term=rye&utm_content=b&gclid=Cj1&kind=rye","$host":"mill.example","$pathname":"/flour","$raw_user_agent":"Mozilla/5.0 (X11)","$browser_version":136,"$screen_height":1080,"$screen_width":1920,"$viewport_height":900,"$lib":"web","$insert_id":"k2","$time":1772366399.9,"distinct_id":"a-1","$device_id":"a-1","$referrer":"https://search.example/","$referring_domain":"search.example","$session_id":"s-1","$timezone":"Europe/Vienna","$ip":"192.0.2.7","$geoip_country_code":"AT","$geoip_subdivision_1_name":"Vienna","$geoip_city_name":"Vienna","$geoip_time_zone":"Europe/Berlin","token":"phc_x"},"timestamp":"2026-03-01T12:00:00.123Z"}"#;
    assert_eq!(
        one(line),
        "1.0 View $pageview by a-1 at 03-01T12:00:00.123 id=0195a1b2-0001 session=s-1 \
         url=https://mill.example/flour?utm_source=Stones&utm_medium=cpc&utm_campaign=spring+grind&utm_term=rye&utm_content=b&gclid=Cj1&kind=rye \
         path=/flour referrer=https://search.example/ source=Stones medium=cpc campaign=spring grind term=rye content=b \
         device=Desktop os=Linux os_version=6.8 browser=Firefox browser_version=136 agent=Mozilla/5.0 (X11) \
         ip=192.0.2.7 country=AT region=Vienna city=Vienna zone=Europe/Vienna gclid=Cj1 screen=1920x1080"
    );
}

#[test]
fn events_have_classes() {
    for (name, class) in [
        ("$pageview", "View"),
        ("$screen", "View"),
        ("$autocapture", "Event"),
        ("Order Completed", "Event"),
        ("page", "Event"),
        ("$pageleave", "Ping"),
        ("engagement", "Ping"),
        ("$feature_flag_called", "Passive"),
        ("$set", "Passive"),
        ("$groupidentify", "Passive"),
        ("$web_vitals", "Passive"),
        ("$performance_event", "Passive"),
        ("$$heatmap", "Passive"),
        ("$identify", "Identity"),
        ("$create_alias", "Identity"),
        ("$merge_dangerously", "Identity"),
        ("$session_end", "End"),
        ("reset", "End"),
    ] {
        let posthog = format!(r#"{{"event":"{name}","distinct_id":"u","timestamp":"2026-03-01"}}"#);
        assert_eq!(one(&posthog), format!("1.0 {class} {name} by u at 03-01T00:00:00"));
        let track = format!(r#"{{"type":"track","event":"{name}","userId":"u","timestamp":"2026-03-01"}}"#);
        assert_eq!(one(&track), format!("1.0 {class} {name} by u at 03-01T00:00:00"));
    }
    for (kind, class) in
        [("page", "View"), ("screen", "View"), ("identify", "Identity"), ("alias", "Identity"), ("group", "Passive")]
    {
        let line = format!(r#"{{"type":"{kind}","event":"$pageleave","userId":"u","timestamp":"2026-03-01"}}"#);
        assert_eq!(one(&line), format!("1.0 {class} {kind} by u at 03-01T00:00:00"));
    }
}

#[test]
fn a_call_with_a_distinct_id_is_a_call_unless_it_names_an_event() {
    let call = |more: &str| format!(r#"{{"anonymousId":"a","distinct_id":"d","timestamp":"2026-03-01",{more}}}"#);
    for (more, told) in [
        (r#""type":"page""#, "View page by a"),
        (r#""type":"screen""#, "View screen by a"),
        (r#""type":"identify","userId":"u""#, "Identity identify by u"),
        (r#""type":"group""#, "Passive group by a"),
        (r#""type":"track","event":"e""#, "Event e by d"),
    ] {
        let line = call(more);
        let told = format!("{told} at 03-01T00:00:00");
        assert!(one(&line).starts_with(&format!("1.0 {told}")), "{}", one(&line));
        let batch = format!(r#"{{"batch":[{line}]}}"#);
        assert!(one(&batch).starts_with(&format!("1.0 {told}")), "{}", one(&batch));
    }
    let strange = r#"{"type":"page","distinct_id":"d","timestamp":"2026-03-01"}"#;
    assert_eq!(one(strange), one(r#"{"type":"page","timestamp":"2026-03-01"}"#), "it has no id of a call");
}

#[test]
fn an_event_says_who_is_who() {
    for (event, links) in [
        (r#""event":"$identify","distinct_id":"u","properties":{"$anon_distinct_id":"a"}"#, " u=a"),
        (r#""event":"$identify","distinct_id":"u","properties":{"$anon_distinct_id":" u "}"#, ""),
        (r#""event":"$identify","distinct_id":"u","properties":{"$anon_distinct_id":null}"#, ""),
        (r#""event":"$create_alias","properties":{"distinct_id":"u","alias":"b"}"#, " u=b"),
        (r#""event":"$merge_dangerously","distinct_id":"u","properties":{"alias":"b"}"#, " u!=b"),
        (r#""event":"paid","distinct_id":"u","properties":{"alias":"b","$anon_distinct_id":"a"}"#, ""),
        (r#""type":"identify","userId":"u","anonymousId":"a""#, " u=a"),
        (r#""type":"track","userId":"u","anonymousId":"a","previousId":"p""#, " u=a"),
        (r#""type":"alias","userId":"u","previousId":"p""#, " u=p"),
        (r#""type":"alias","userId":"u","previousId":"p","anonymousId":"a""#, " u=a u=p"),
        (r#""type":"alias","userId":"u","previousId":"u""#, ""),
        (r#""type":"alias","anonymousId":"u","previousId":"p""#, ""),
        (r#""type":"page","userId":34806809,"anonymousId":"34806809""#, ""),
    ] {
        let told = one(&format!(r#"{{{event},"timestamp":"2026-03-01"}}"#));
        let at = told.find("00:00:00").unwrap();
        assert_eq!(&told[at + 8..], links, "{event}");
    }
}

#[test]
fn who_did_it_falls_back_to_the_device() {
    for (event, by) in [
        (r#""event":"e","distinct_id":" u-1\t""#, "u-1"),
        (r#""event":"e","distinct_id":7"#, "7"),
        (r#""event":"e","distinct_id":"","properties":{"distinct_id":"p"}"#, "p"),
        (r#""event":"e","distinct_id":"null","properties":{"$device_id":"d"}"#, "d"),
        (r#""event":"e","properties":{"$device_id":"d"}"#, "d"),
        (r#""event":"e","$device_id":"d""#, "d"),
        (r#""event":"e","distinct_id":"[object Object]""#, "[object Object]"),
        (r#""type":"track","event":"e","userId":"","anonymousId":" a ""#, "a"),
        (r#""type":"track","event":"e","userId":null,"anonymousId":"a""#, "a"),
    ] {
        let told = one(&format!(r#"{{{event},"timestamp":"2026-03-01"}}"#));
        assert_eq!(told, format!("1.0 Event e by {by} at 03-01T00:00:00"), "{event}");
    }
    let long = "x".repeat(513);
    for (event, why) in [
        (r#""event":"e","distinct_id":"""#, "no `distinct_id`, and no `$device_id` in its place"),
        (r#""event":"e","distinct_id":{"a":1}"#, "no `distinct_id`, and no `$device_id` in its place"),
        (&*format!(r#""event":"e","distinct_id":"{long}""#), "its `distinct_id` is longer than 512 bytes"),
        (r#""event":"e","properties":{"$session_id":"s"}"#, "no `distinct_id`, and no `$device_id` in its place"),
        (r#""event":" ","distinct_id":"u""#, "no `event`"),
        (r#""event":7,"distinct_id":"u","x":1"#, ""),
        (r#""type":"page","messageId":"m""#, "no `userId`, and no `anonymousId` in its place"),
    ] {
        let told = one(&format!(r#"{{{event},"timestamp":"2026-03-01"}}"#));
        let expected = if why.is_empty() { "1.0 Event 7 by u at 03-01T00:00:00" } else { &*format!("1 lost: {why}") };
        assert_eq!(told, expected, "{event}");
    }
}

#[test]
fn the_time_is_that_of_the_event() {
    for (times, at) in [
        (r#""timestamp":"2026-03-01T12:00:00.1234567+02:00""#, "03-01T10:00:00.123456"),
        (r#""timestamp":"2026-03-01 12:00:00.5 UTC""#, "03-01T12:00:00.500"),
        (r#""timestamp":1772366400"#, "03-01T12:00:00"),
        (r#""timestamp":1772366400123"#, "03-01T12:00:00.123"),
        (
            r#""timestamp":"2026-03-01T12:00:00Z","sent_at":"2026-03-01T12:05:00Z","now":"2026-03-01T12:09:00Z""#,
            "03-01T12:00:00",
        ),
        (r#""offset":1500,"now":"2026-03-01T12:00:00Z","sent_at":"2026-03-01T13:00:00Z""#, "03-01T11:59:58.500"),
        (r#""offset":"1500","sent_at":"2026-03-01T12:00:00Z""#, "03-01T11:59:58.500"),
        (r#""now":"2026-03-01T12:00:00Z","timestamp":null"#, "03-01T12:00:00"),
        (r#""offset":9,"properties":{"$time":1772366400.5}"#, "03-01T12:00:00.500"),
    ] {
        let told = one(&format!(r#"{{"event":"e","distinct_id":"u",{times}}}"#));
        assert_eq!(told, format!("1.0 Event e by u at {at}"), "{times}");
    }
    for (times, why) in [
        (r#""offset":1500"#, "no `timestamp`, and no `now` or `sent_at` to count an `offset` from"),
        (r#""x":1"#, "no `timestamp`, and no `now` or `sent_at` to count an `offset` from"),
        (r#""timestamp":"soon","now":"2026-03-01T12:00:00Z""#, "its `timestamp` is not a time"),
        (r#""timestamp":1e300"#, "its `timestamp` is not a time"),
        (r#""offset":1e300,"now":"2026-03-01T12:00:00Z""#, "its `offset` leads to a year that is not supported"),
    ] {
        let told = one(&format!(r#"{{"event":"e","distinct_id":"u",{times}}}"#));
        assert_eq!(told, format!("1 lost: {why}"), "{times}");
    }
}

#[test]
fn the_clock_of_a_device_is_corrected_where_three_times_are_known() {
    for (times, at) in [
        (
            r#""originalTimestamp":"2026-03-01T09:00:00Z","sentAt":"2026-03-01T09:00:10Z","receivedAt":"2026-03-01T12:00:00.25Z","timestamp":"2026-03-01T00:00:00Z""#,
            "03-01T11:59:50.250",
        ),
        (r#""originalTimestamp":"2026-03-01T09:00:00Z","sentAt":"2026-03-01T09:00:10Z""#, "03-01T09:00:00"),
        (r#""originalTimestamp":"2026-03-01T09:00:00Z","timestamp":"2026-03-01T12:00:00Z""#, "03-01T12:00:00"),
        (
            r#""original_timestamp":"2026-03-01 09:00:00","sent_at":"2026-03-01 09:00:10","received_at":"2026-03-01 12:00:10""#,
            "03-01T12:00:00",
        ),
        (r#""receivedAt":"2026-03-01T12:00:00Z""#, "03-01T12:00:00"),
    ] {
        let told = one(&format!(r#"{{"type":"track","event":"e","anonymousId":"a",{times}}}"#));
        assert_eq!(told, format!("1.0 Event e by a at {at}"), "{times}");
    }
    let lost = one(r#"{"type":"track","event":"e","anonymousId":"a","timestamp":"soon","sentAt":"2026-03-01"}"#);
    assert_eq!(lost, "1 lost: its `timestamp` or `originalTimestamp` is not a time");
    let lost = one(r#"{"type":"track","event":"e","anonymousId":"a"}"#);
    assert_eq!(lost, "1 lost: no `timestamp` or `originalTimestamp`");
}

#[test]
fn a_call_of_segment_is_read_whole() {
    let line = r#"{"anonymousId":"a-3","channel":"web","context":{"ip":"192.0.2.9","campaign":{"name":"spring","source":"letter","medium":"email","term":"rye","content":"top"},"page":{"path":"/flour","referrer":"https://friend.example/","search":"","title":"Flour","url":"https://mill.example/flour?fbclid=F1"},"userAgent":"Mozilla/5.0 (iPhone)","os":{"name":"iOS","version":"18.3"},"device":{"type":"ios"},"screen":{"width":390,"height":844,"density":3},"timezone":"Europe/Vienna","locale":"de-AT","sessionId":1772366000123,"location":{"country":"AT","region":"W","city":"Vienna"},"library":{"name":"RudderLabs JavaScript SDK"}},"event":"Flour Added","integrations":{"All":true},"messageId":"m-1","originalTimestamp":"2026-03-01T12:00:00.000Z","properties":{"sku":"R-1","url":"https://mill.example/p/R-1","path":"/p"},"type":"track","userId":"u-7"}"#;
    assert_eq!(
        one(line),
        "1.0 Event Flour Added by u-7 at 03-01T12:00:00 id=m-1 session=a-3/1772366000123 \
         url=https://mill.example/flour?fbclid=F1 path=/flour referrer=https://friend.example/ source=letter \
         medium=email campaign=spring term=rye content=top device=Mobile os=iOS os_version=18.3 \
         agent=Mozilla/5.0 (iPhone) ip=192.0.2.9 country=AT region=W city=Vienna zone=Europe/Vienna fbclid=F1 \
         screen=390x844 u-7=a-3"
    );
    let page = r#"{"type":"Page","name":"Flour","anonymousId":"a","timestamp":"2026-03-01","properties":{"url":"https://mill.example/a","path":"/a","referrer":""},"context":{"page":{"url":"https://mill.example/b","referrer":"https://friend.example/"}}}"#;
    assert_eq!(
        one(page),
        "1.0 View page by a at 03-01T00:00:00 url=https://mill.example/a path=/a referrer=https://friend.example/"
    );
    let direct = r#"{"type":"page","anonymousId":"a","timestamp":"2026-03-01","context":{"page":{"url":"https://mill.example/b","referrer":""}}}"#;
    assert_eq!(one(direct), "1.0 View page by a at 03-01T00:00:00 url=https://mill.example/b referrer=$direct");
    let silent = direct.replace(r#","referrer":"""#, "");
    assert_eq!(
        one(&silent),
        "1.0 View page by a at 03-01T00:00:00 url=https://mill.example/b",
        "no word of a referrer"
    );
    let screen =
        r#"{"type":"screen","name":"Basket","userId":"u","timestamp":"2026-03-01","properties":{"name":"other"}}"#;
    assert_eq!(one(screen), "1.0 View screen by u at 03-01T00:00:00 url=Basket");
}

#[test]
fn properties_are_read_wherever_exports_put_them() {
    let expected = "1.0 View $pageview by u at 03-01T12:00:00 id=e-1 session=s url=https://mill.example/?gclid=g \
                    source=letter gclid=g screen=390x844";
    for line in [
        r#"{"uuid":"e-1","event":"$pageview","distinct_id":"u","timestamp":"2026-03-01 12:00:00.000000 UTC","properties":"{\"$session_id\":\"s\",\"$current_url\":\"https://mill.example/?gclid=g\",\"utm_source\":\"letter\",\"$screen_width\":390,\"$screen_height\":\"844\"}","person_id":"p","set":"{}"}"#,
        r#"{"uuid":"e-1","event":"$pageview","distinct_id":"u","timestamp":"2026-03-01T12:00:00Z","$session_id":"s","$current_url":"https://mill.example/?gclid=g","utm_source":"letter","$screen_width":390,"$screen_height":844}"#,
        r#"{"id":"e-1","distinct_id":"u","properties":{"$session_id":"s","$current_url":"https://mill.example/?gclid=g","utm_source":"letter","$screen_width":390,"$screen_height":844},"event":"$pageview","timestamp":"2026-03-01T12:00:00.000000+00:00","person":null,"elements":[],"elements_chain":""}"#,
        r#"{"event":"$pageview","properties":{"time":1772366400,"distinct_id":"u","$insert_id":"e-1","$session_id":"s","$current_url":"https://mill.example/?gclid=g","utm_source":"letter","$screen_width":390,"$screen_height":844}}"#,
    ] {
        assert_eq!(one(line), expected, "{line}");
    }
    let export = r#"{"type":"page","message_id":"m-1","anonymous_id":"a","user_id":"u","received_at":"2026-03-01 12:00:00","context_page_url":"https://mill.example/","context_campaign_source":"letter","context_ip":"192.0.2.1","context_session_id":"s"}"#;
    assert_eq!(
        one(export),
        "1.0 View page by u at 03-01T12:00:00 id=m-1 session=s url=https://mill.example/ source=letter ip=192.0.2.1 u=a"
    );
}

#[test]
fn a_property_counts_before_the_query_and_absent_ones_do_not() {
    let line = r#"{"event":"$pageview","distinct_id":"u","timestamp":"2026-03-01","properties":{"$current_url":"/?utm_source=query&utm_medium=cpc&gclid=q","utm_source":" Prop ","utm_medium":"","utm_campaign":"null","gclid":null,"$referrer":"$direct","$os":["a"],"$browser":true}}"#;
    assert_eq!(
        one(line),
        "1.0 View $pageview by u at 03-01T00:00:00 url=/?utm_source=query&utm_medium=cpc&gclid=q referrer=$direct \
         source=Prop medium=cpc gclid=q"
    );
}

#[test]
fn a_batch_is_many_events_and_a_broken_one_does_not_affect_others() {
    let batch = r#"{"api_key":"phc_x","historical_migration":false,"sent_at":"2026-03-01T12:00:00Z","batch":[{"event":"a","distinct_id":"u","offset":1000},{"event":"b","distinct_id":""},{"event":"c","distinct_id":"u","timestamp":"2026-03-01T11:00:00Z","properties":{"x":1e999,"$os":"\ud83d"}},{"type":"new"},7,{"type":"track","event":"d","userId":"u","originalTimestamp":"2026-03-01T11:30:00Z"}]}"#;
    assert_eq!(
        said(&[batch, batch])[..7],
        [
            "1.0 Event a by u at 03-01T11:59:59",
            "1 lost: no `distinct_id`, and no `$device_id` in its place",
            "1.1 Event c by u at 03-01T11:00:00 os=\u{fffd}",
            "1 unknown: new",
            "1 lost: a batch with something that is not an event",
            "1.2 Event d by u at 03-01T11:30:00",
            "2.0 Event a by u at 03-01T11:59:59",
        ]
    );
    let body = r#"{"batch":[{"type":"page","anonymousId":"a","originalTimestamp":"2026-03-01T09:00:00Z"}],"writeKey":"k","sentAt":"2026-03-01T09:00:10Z","receivedAt":"2026-03-01T12:00:10Z"}"#;
    assert_eq!(one(body), "1.0 View page by a at 03-01T12:00:00");
    let list = r#"[{"event":"a","distinct_id":"u","timestamp":1772366400},{"type":"track","userId":"u","timestamp":1772366401},{"type":"new"},[1]]"#;
    let events = ["1.0 Event a by u at 03-01T12:00:00", "1.1 Event track by u at 03-01T12:00:01", "1 unknown: new"];
    assert_eq!(said(&[list])[..3], events);
    assert_eq!(said(&[list])[3..], ["1 lost: not a JSON object, or a broken one"]);
    assert_eq!(
        one(r#"[{"type":"new"},{"event":"a","distinct_id":"u","timestamp":1}]"#),
        "1 lost: not a JSON object, or a broken one"
    );
    let task = r#"{"specversion":"1.0","id":"a","source":"s","type":"task.created","subject":"t","time":"2026-03-01","batch":[]}"#;
    assert_eq!(one(task), "1 another family", "an extension of CloudEvents");
    let cut = said(&[&format!("{}{body}", &batch[..40])]);
    assert_eq!(cut, ["1.0 View page by a at 03-01T12:00:00", "1 lost: not a JSON object, or a broken one"]);
    let line = r#"{"event":"a","distinct_id":"u","timestamp":1772366400}"#;
    let two = said(&[&format!("{line}{line}")]);
    assert_eq!(two, ["1.0 Event a by u at 03-01T12:00:00", "1.1 Event a by u at 03-01T12:00:00"]);
    let body = r#"{"api_key":"phc_x","event":"a","properties":{"distinct_id":"u"},"timestamp":1772366400}"#;
    assert_eq!(one(body), "1.0 Event a by u at 03-01T12:00:00");
}

#[test]
fn the_context_of_a_batch_applies_to_each_of_its_calls() {
    let outer = r#""context":{"ip":"192.0.2.1","device":{"type":"phone"},"campaign":{"name":"spring","source":"letter"},"page":{"url":"https://mill.example/a","referrer":"https://friend.example/"}}"#;
    let call = |own: &str| format!(r#"{{"type":"track","userId":"u","timestamp":"2026-03-01"{own}}}"#);
    let told = |own: &str| one(&format!(r#"{{"batch":[{}],"writeKey":"k",{outer}}}"#, call(own)));
    let of_batch = "1.0 Event track by u at 03-01T00:00:00 url=https://mill.example/a referrer=https://friend.example/ \
                    source=letter campaign=spring device=phone ip=192.0.2.1";
    for own in ["", r#","context":null"#, r#","context":{}"#, r#","context":"{}""#] {
        assert_eq!(told(own), of_batch, "{own}");
    }
    // An entry of the call's own context counts as a whole.
    assert_eq!(
        told(r#","context":{"ip":"192.0.2.9","page":{"url":"https://mill.example/b"},"campaign":{}}"#),
        "1.0 Event track by u at 03-01T00:00:00 url=https://mill.example/b device=phone ip=192.0.2.9"
    );
    assert_eq!(one(&call("")), "1.0 Event track by u at 03-01T00:00:00");
    let posthog = format!(r#"{{"batch":[{{"event":"e","distinct_id":"u","timestamp":"2026-03-01"}}],{outer}}}"#);
    assert_eq!(one(&posthog), "1.0 Event e by u at 03-01T00:00:00", "PostHog's batches have no context");
    let broken = format!(r#"{{"batch":[{}],"context":[1]}}"#, call(r#","context":{"ip":"192.0.2.9"}"#));
    assert_eq!(one(&broken), "1.0 Event track by u at 03-01T00:00:00 ip=192.0.2.9");
}

#[test]
fn a_recording_is_found_again_in_the_text() {
    let view = r#"{"event":"$pageview","distinct_id":"u","timestamp":1772366400}"#;
    let snapshot = r#"{"event":"$snapshot","distinct_id":"u","timestamp":1772366400,"properties":{"$session_id":"s","$snapshot_data":[{"type":3,"data":{"source":5,"text":"x"},"timestamp":1772366400000}]}}"#;
    let expected = format!(
        "2.0 Passive $snapshot by u at 03-01T12:00:00 session=s replay=input@{}+{}",
        view.len() + 1,
        snapshot.len()
    );
    assert_eq!(said(&[view, snapshot])[1], expected);
}

#[test]
fn hostile_lines_do_not_affect_others() {
    let url = format!("https://mill.example/?utm_source=letter&x={}&gclid=g", "a".repeat(1 << 20));
    let long = format!(
        r#"{{"event":"$pageview","distinct_id":"u","timestamp":1772366400,"properties":{{"$current_url":"{url}"}}}}"#
    );
    let told = one(&long);
    assert_eq!(
        told.len(),
        "1.0 View $pageview by u at 03-01T12:00:00 url= source=letter gclid=g".len() + Activity::LONGEST_URL
    );
    let deep = format!("{}1{}", r#"{"a":"#.repeat(1000), "}".repeat(1000));
    let deep = format!(r#"{{"event":"e","distinct_id":"u","timestamp":1772366400,"properties":{deep}}}"#);
    let last = r#"{"event":"e","distinct_id":"u\u0000","timestamp":1772366400}"#;
    let cut = &last[..30];
    assert_eq!(
        said(&[&deep, cut, r#"{"event":[],"distinct_id":{}}"#, "\u{0}", last]),
        [
            "1.0 Event e by u at 03-01T12:00:00",
            "2 lost: not a JSON object, or a broken one",
            "3 lost: no `event`",
            "4 lost: not a JSON object, or a broken one",
            "5.0 Event e by u at 03-01T12:00:00",
        ]
    );
}

#[test]
fn records_are_distinguished_by_their_shape() {
    let agent = r#"{"type":"user","uuid":"r1","sessionId":"t","message":{"role":"user","content":"oil it"}}"#;
    let posthog = r#"{"event":"e","distinct_id":"u","timestamp":1772366400}"#;
    let segment = r#"{"type":"page","anonymousId":"u","timestamp":1772366400}"#;
    let plugin = r#"{"type":"track","event":"e","messageId":"m","userId":"u","timestamp":1772366400,"properties":{"distinct_id":"u"}}"#;
    let mut reader = Reader::default();
    for line in [posthog, agent, segment, r#"{"type":"track","name":"a song"}"#, agent, posthog, plugin] {
        reader.line(1, 0, line.as_bytes(), &mut |_| {});
    }
    // An unknown record stays with the dialect of the previous record.
    let expected = [("claude-code", 2), ("posthog", 2), ("segment", 3)];
    assert_eq!(reader.dialects().collect::<Vec<_>>(), expected);
    assert_eq!((reader.dialect(), reader.current()), ("posthog", Some("segment")));
    let both = r#"{"type":"track","messageId":"m","event":"e","distinct_id":"u","timestamp":1772366400}"#;
    assert_eq!(one(both), "1.0 Event e by u at 03-01T12:00:00 id=m");
    for unknown in
        [r#"{"event":"e"}"#, r#"{"distinct_id":"u"}"#, r#"{"type":"page"}"#, r#"{"type":"order","userId":"u"}"#]
    {
        assert!(one(unknown).starts_with("1 unknown: "), "{unknown}");
    }
}

#[test]
fn an_event_inside_of_a_broken_line_counts_if_it_has_an_identity() {
    let event = r#"{"event":"e","distinct_id":"u","timestamp":1772366400,"uuid":"i"}"#;
    let cut =
        format!(r#"{{"sent_at":"2026-03-01","batch":[{event},{{"event":"e","distinct_id":"u","timestamp":1}},{{"ev"#);
    assert_eq!(
        said(&[&cut]),
        ["1.0 Event e by u at 03-01T12:00:00 id=i", "1 lost: not a JSON object, or a broken one"]
    );
    let behind = format!(r#"{{"event":"lost","disti{event}"#);
    assert_eq!(said(&[&behind])[0], "1.0 Event e by u at 03-01T12:00:00 id=i");
}

/// The ids of the events on a line.
fn ids(line: &str) -> Vec<String> {
    let mut ids = Vec::new();
    Reader::default().line(1, 0, line.as_bytes(), &mut |event| {
        if let Said::Activity(_) = event.said {
            ids.extend(event.id.map(str::to_owned));
        }
    });
    ids
}

#[test]
fn an_event_without_an_id_is_identified_by_its_content() {
    let event = r#"{"event":"e","distinct_id":"u","timestamp":1772366400}"#;
    let call = r#"{"type":"track","userId":"u","originalTimestamp":"2026-03-01T12:00:00Z"}"#;
    let [id, id_of_call] = [ids(event).concat(), ids(call).concat()];
    assert_eq!(id, "51cc258e08b07521016cb57d8c4da14b");
    assert_eq!(ids(&format!("{event}  ")), std::slice::from_ref(&id));
    assert_eq!(ids(&format!("{event}{event}")), [id.clone(), id.clone()]);
    assert_eq!(ids(&format!("[ {event} ,{call}]")), [id.clone(), id_of_call.clone()]);
    assert_eq!(ids(&format!(r#"{{"batch":[{event}, {call}]}}"#)), [id.clone(), id_of_call.clone()]);
    assert_ne!(ids(&event.replace(':', ": ")), [id]);
    let sent = |received: u32| {
        let times = format!(r#""sentAt":"2026-03-01T12:00:01Z","receivedAt":"2026-03-01T12:00:0{received}Z""#);
        ids(&format!(r#"{{"batch":[{call}],{times}}}"#))
    };
    assert_eq!([sent(1), sent(1)], [[id_of_call.clone()], [id_of_call.clone()]]);
    assert_ne!(sent(2), [id_of_call], "it is another event if the batch gives it another time");
    assert_eq!(ids(&event.replace('}', r#","uuid":"i"}"#)), ["i"]);
}

#[test]
fn properties_are_handed_on_as_they_stand() {
    let properties = |line: &str| {
        let mut all = Vec::new();
        Reader::default().line(1, 0, line.as_bytes(), &mut |event| {
            if let Said::Activity(activity) = event.said {
                all.push(activity.properties.to_owned());
            }
        });
        all.concat()
    };
    let nested = r#"{"event":"e","distinct_id":"u","timestamp":1,"properties":{"plan":"gold"}}"#;
    assert_eq!(properties(nested), r#"{"plan":"gold"}"#);
    let text = r#"{"event":"e","distinct_id":"u","timestamp":1,"properties":"{\"plan\":\"gold\"}"}"#;
    assert_eq!(properties(text), r#"{"plan":"gold"}"#);
    let flat = r#"{"event":"e","distinct_id":"u","timestamp":1,"$os":"iOS","plan":"gold"}"#;
    assert_eq!(properties(flat), flat);
    assert_eq!(properties(r#"{"event":"e","distinct_id":"u","timestamp":1,"properties":[1]}"#), "{}");
}
