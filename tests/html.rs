//! The HTML report: the same bytes for the same database, nothing from a transcript that runs, and a page that a
//! browser shows.

use crate::world::{Said, World, response};
use chrono::{TimeDelta, Utc};
use std::path::Path;
use std::process::{Command, Stdio};

fn page(world: &World, args: &[&str]) -> String {
    let args = [&["report", "html", "--out", "page.html", "--no-refresh", "--timezone", "UTC"], args].concat();
    let said = world.mill(&args);
    assert_eq!((said.status, &*said.stderr), (0, "written: page.html\n"), "{said:?}");
    // Places where a path can wrap are invisible.
    std::fs::read_to_string(world.path("page.html")).unwrap().replace("<wbr>", "")
}

fn run(world: &World) -> Said {
    let said = world.mill(&["run", "--sessions", "root"]);
    assert_eq!(said.status, 0, "{said:?}");
    said
}

/// A failed call.
const TOOL: &str = r#"{"type":"assistant","uuid":"u-t","sessionId":"s1","timestamp":"2026-02-01T10:05:00Z","cwd":"/home/ada/shop","message":{"id":"m2","role":"assistant","model":"claude-opus-4-6","content":[{"type":"tool_use","id":"t1","name":"Bash","input":{}}],"usage":{"input_tokens":10,"output_tokens":1000000,"cache_read_input_tokens":90}}}
{"type":"user","uuid":"u-r","sessionId":"s1","timestamp":"2026-02-01T10:05:10Z","message":{"role":"user","content":[{"type":"tool_result","tool_use_id":"t1","is_error":true,"content":"no"}]}}
"#;

/// Two people, two models, a tool that fails, a line that is not JSON, a model without a price.
pub fn world() -> World {
    let world = World::new();
    world
        .write("ada/a.jsonl", response("m1", "10:00:00", 5) + TOOL + "{broken\n")
        .write("bob/b.jsonl", response("m3", "11:00:00", 7).replace("\"s1\"", "\"s2\"").replace("opus-4-6", "opus-99"));
    run(&world);
    world
}

#[test]
fn a_page_has_every_figure_in_words() {
    let page = page(&world(), &[]);
    for expected in [
        "2026-02-01 to 2026-02-01, days of UTC · as of ",
        "<dt>Cost by list prices</dt><dd>$25.00</dd>",
        "<dt>Sessions</dt><dd>2</dd><dd>of 2 people</dd>",
        "<dt>Active time</dt><dd>5 min</dd>",
        "<title>2026-02-01: $25.00 · claude-opus-4-6 $25.00</title>",
        "<tr><th scope=\"row\">claude-opus-4-6</th><td class=\"n spare\">2</td><td class=\"n spare\">1.00M</td><td class=\"n spare\">1.00M</td><td class=\"n\">$25.00</td><td class=\"n share\"><i style=\"width:100%\"></i>100.0 %</td></tr>",
        "<tr><th scope=\"row\">Bash</th><td class=\"n\">1</td><td class=\"n\">1</td><td class=\"n\">100.0 %</td><td class=\"n spare\">1</td></tr>",
        "<title>Sun 2026-02-01: $25.00</title>",
        "begins at <code>ada/a.jsonl:1</code>",
        "<tr><th scope=\"row\">ada/a.jsonl</th><td class=\"n\">1</td></tr>",
        "<tr><th scope=\"row\">claude-opus-99</th><td class=\"n\">1</td></tr>",
    ] {
        assert!(page.contains(expected), "no {expected} in\n{page}");
    }
}

#[test]
fn somebody_has_the_same_colour_in_all_charts_and_on_all_pages() {
    let world = world();
    let colours = |page: &str, name: &str| {
        let end = format!("\"></i>{name}</li>");
        let ends = page.split(&end).map(|before| &before[before.len() - 2..]);
        let colours: Vec<_> = ends.map(str::to_owned).collect();
        colours[..colours.len() - 1].to_vec()
    };
    // Charts of spend and tokens, of active time and of sessions. The person with the highest cost is not the first in
    // a list.
    let both = page(&world, &[]);
    assert_eq!([colours(&both, "ada"), colours(&both, "bob")], [vec!["s0"; 4], vec!["s5"; 4]]);
    assert_eq!(colours(&page(&world, &["--user", "bob"]), "bob"), ["s5"; 2]);
    let person =
        |name: &str| format!("[[person]]\nemail = \"{name}@example.org\"\nname = \"{name}\"\nfolders = [\"{name}\"]\n");
    std::fs::write(world.path("people.toml"), person("eve") + &person("bob") + &person("ada")).unwrap();
    let listed = page(&world, &["--identities", "people.toml"]);
    assert_eq!([colours(&listed, "ada"), colours(&listed, "bob")], [vec!["s2"; 4], vec!["s1"; 4]]);
}

#[test]
fn a_reader_can_switch_to_a_part_of_the_days() {
    let world = world();
    assert!(!page(&world, &[]).contains("<fieldset"), "nothing happened in the last days");
    let at = |id: &str, days: i64, output: u64| {
        let time = Utc::now() - TimeDelta::days(days);
        response(id, "10:00:00", output).replace("2026-02-01T10:00:00", &time.format("%FT%T").to_string())
    };
    // One response is dated tomorrow, by a wrong clock.
    let lines = at("m7", -1, 5) + &at("m8", 0, 40_000) + &at("m9", 5, 200_000) + &at("m6", 8, 5);
    world.write("eve/e.jsonl", lines.replace("\"s1\"", "\"s9\""));
    run(&world);
    let page = page(&world, &[]);
    let (_, switch) = page.split_once("<fieldset class=\"switch\">").unwrap();
    let (switch, _) = switch.split_once("</fieldset>").unwrap();
    for (key, title) in [("today", "today"), ("days7", "7 days"), ("days30", "30 days"), ("all\" checked", "all")] {
        let choice =
            format!("value=\"{}>{title}</label>", if key.contains('"') { key.to_owned() } else { format!("{key}\"") });
        assert!(switch.contains(&choice), "no {choice} in {switch}");
    }
    let of = |key: &str| {
        let (_, section) = page.split_once(&format!("<section class=\"period of-{key}\">")).unwrap();
        section.split_once("</section>").unwrap().0.to_owned()
    };
    let cost = |key: &str, cost: &str| {
        let section = of(key);
        assert!(section.contains(&format!("<dt>Cost by list prices</dt><dd>{cost}</dd>")), "{section}");
    };
    cost("today", "$1.00");
    cost("days7", "$6.00");
    cost("all", "$31.00");
    let of_project = |key: &str, responses: u64| {
        let row = format!("<th scope=\"row\">/home/ada/shop</th><td class=\"n spare\">{responses}</td>");
        assert!(of(key).contains(&row), "no {row} in {}", of(key));
    };
    of_project("today", 1);
    of_project("days7", 2);
    of_project("all", 7);
    assert!(of("all").contains("ada/a.jsonl") && !of("days7").contains("ada/a.jsonl"));
    // The days before the seven ones are not all on a page of ten days, so it has no change since them.
    let unknown = "<dd>the days before are not on this page</dd>";
    assert!(self::page(&world, &["--period", "10d"]).contains(unknown) && !page.contains(unknown));
    // Links and their targets are in the same period, and every anchor is unique.
    assert!(page.contains("<a href=\"#spend-days7\">") && of("days7").contains("<h2 id=\"spend-days7\">"));
    let anchors: Vec<_> = page.split(" id=\"").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
    assert_eq!(anchors.iter().collect::<std::collections::BTreeSet<_>>().len(), anchors.len(), "{anchors:?}");
    let links: Vec<_> = page.split("<a href=\"#").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
    assert!(links.iter().all(|link| anchors.contains(link)), "{links:?} in {anchors:?}");
}

/// A session over midnight is in both days, each with the cost and the work of that day, as in `report sessions`.
#[test]
fn a_session_of_two_days_has_in_each_what_is_of_that_day() {
    let world = World::new();
    let today = Utc::now().date_naive();
    let at = |id: &str, day: chrono::NaiveDate, time: &str, output: u64| {
        response(id, time, output).replace("2026-02-01", &day.to_string())
    };
    let yesterday = today.pred_opt().unwrap();
    let call = TOOL.replace("2026-02-01T10:05", &format!("{yesterday}T23:57"));
    let lines = at("m8", today, "00:02:00", 40_000) + &at("m9", today, "00:05:00", 5);
    world.write("eve/e.jsonl", call + &at("m7", yesterday, "23:58:00", 200_000) + &lines);
    run(&world);
    let page = page(&world, &[]);
    let of = |key: &str| {
        let (_, section) = page.split_once(&format!("<section class=\"period of-{key}\">")).unwrap();
        section.split_once("</section>").unwrap().0.to_owned()
    };
    for (key, parts) in [
        (
            "today",
            [
                "<dt>Cost by list prices</dt><dd>$1.00</dd>",
                "<summary><b>$1.00</b>",
                "7 min active; 2 responses, 40.0k tokens, $1.00; 0 calls, 0 of them failed",
                "<dt>Active time</dt><dd>7 min</dd>",
                "<tr><th scope=\"row\">eve</th><td class=\"n\">0</td><td class=\"n\">7 min</td></tr>",
            ],
        ),
        (
            "all",
            [
                "<dt>Cost by list prices</dt><dd>$31.00</dd>",
                "<summary><b>$31.00</b>",
                "8 min active; 4 responses, 1.24M tokens, $31.00; 1 call, 1 of them failed",
                "<dt>Active time</dt><dd>8 min</dd>",
                "<tr><th scope=\"row\">eve</th><td class=\"n\">1</td><td class=\"n\">8 min</td></tr>",
            ],
        ),
    ] {
        for part in parts {
            assert!(of(key).contains(part), "no {part} in\n{}", of(key));
        }
    }
    // Outcomes are of these days, too.
    let outcomes = |key: &str, anchor: &str| {
        let section = of(key);
        section.split_once(&format!("<h2 id=\"{anchor}\">What came of it</h2>")).unwrap().1.to_owned()
    };
    assert!(outcomes("today", "outcomes-today").contains("<td class=\"n spare\">7 min</td><td class=\"n\">$1.00</td>"));
    assert!(outcomes("all", "outcomes").contains("<td class=\"n spare\">8 min</td><td class=\"n\">$31.00</td>"));
    let said = world.mill(&["report", "sessions", "--period", "today", "--no-refresh", "--timezone", "UTC", "--json"]);
    let json: serde_json::Value = serde_json::from_str(&said.stdout).unwrap();
    assert_eq!((&json[0]["cost_usd"], &json[0]["active_seconds"]), (&1.000_225.into(), &420.into()));
}

/// Other people read the page, so it has the titles that snapshots have.
#[test]
fn a_session_has_its_title_or_the_beginning_of_its_id() {
    let world = World::new();
    let prompt = r#"{"type":"user","uuid":"p1","sessionId":"s1","timestamp":"2026-02-01T09:59:00Z","message":{"role":"user","content":"Oil the mill"}}"#;
    let named = r#"{"type":"ai-title","aiTitle":"Sharpen the stones","sessionId":"s2"}"#;
    let other = response("m2", "11:00:00", 5).replace("\"s1\"", "\"s2\"");
    world
        .write("ada/a.jsonl", format!("{prompt}\n") + &response("m1", "10:00:00", 5))
        .write("ada/b.jsonl", format!("{named}\n") + &other);
    run(&world);
    let of = |titles: &str| {
        std::fs::write(world.path("c.toml"), format!("[publish]\ntitles = \"{titles}\"\n")).unwrap();
        let page = page(&world, &["--config", "c.toml"]);
        let has = |text: &str| page.contains(&format!("</b>{text} · ada · "));
        [has("Oil the mill"), has("s1"), has("Sharpen the stones"), has("s2"), page.contains("titles = \"all\"")]
    };
    assert_eq!(of("client"), [false, true, true, false, true]);
    assert_eq!(of("all"), [true, false, true, false, false]);
    assert_eq!(of("none"), [false, true, false, true, true]);
}

#[test]
fn a_session_in_two_folders_began_where_its_first_response_is() {
    let world = World::new();
    world.write("ada/a.jsonl", response("m1", "10:00:00", 5)).write("bob/b.jsonl", response("m2", "11:00:00", 5));
    run(&world);
    let page = page(&world, &[]);
    let began = |person: &str, sessions: u8| {
        page.contains(&format!(
            "<tr><th scope=\"row\">{person}</th><td class=\"n\">{sessions}</td><td class=\"n\">0 min</td></tr>"
        ))
    };
    assert_eq!([began("ada", 1), began("ada", 0), began("bob", 1)], [true, false, false]);
}

#[test]
fn a_page_has_to_go_somewhere() {
    let said = World::new().mill(&["report", "html"]);
    assert_eq!(
        (said.status, &*said.stderr),
        (
            64,
            "sessionmill: nothing says where the page is to go\n  hint: --out FILE writes it to a file, --open shows it in the \
             browser\n"
        )
    );
}

#[test]
fn a_page_is_about_what_was_asked_for() {
    let world = world();
    let of_bob = page(&world, &["--user", "bob"]);
    assert!(of_bob.contains("only user bob") && of_bob.contains("opus-99"), "{of_bob}");
    assert!(!of_bob.contains("ada/a.jsonl") && !of_bob.contains("opus-4-6"), "{of_bob}");
    assert!(page(&world, &["--since", "2026-03-01"]).contains("There are no responses to report."));
    let of_bobs_model = page(&world, &["--model", "claude-opus-99"]);
    assert!(!of_bobs_model.contains("<th scope=\"row\">Bash</th>"), "{of_bobs_model}");
    assert!(page(&world, &["--model", "claude-opus-4-6"]).contains("<th scope=\"row\">Bash</th>"));
}

#[test]
fn the_same_database_gives_the_same_bytes() {
    let world = world();
    let first = page(&world, &[]);
    assert_eq!(page(&world, &[]), first);
    let names: Vec<_> = std::fs::read_dir(world.path(".")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(!names.iter().any(|name| name.to_str().unwrap().starts_with(".sessionmill-")), "{names:?}");
}

#[test]
fn a_page_never_replaces_the_database() {
    let world = world();
    for file in ["data/mill.duckdb", "data/mill.duckdb.wal", "root/../data/mill.duckdb"] {
        let said = world.mill(&["report", "html", "--no-refresh", "--out", file]);
        assert_eq!((said.status, said.stderr.contains("belongs to the database")), (64, true), "{said:?}");
    }
    assert_eq!(world.mill(&["report", "--no-refresh"]).status, 0);
}

#[test]
fn names_in_transcripts_are_text_and_nothing_more() {
    const EVIL: &str = r#"</title><script>alert('1')</script><img src=x onerror="alert(2)">&amp;"#;
    let world = World::new();
    let json = serde_json::to_string(EVIL).unwrap();
    let inner = &json[1..json.len() - 1];
    let line = format!(
        r#"{{"type":"assistant","uuid":"u1","sessionId":"{inner}","timestamp":"2026-02-01T10:00:00Z","cwd":"{inner}","message":{{"id":"m1","role":"assistant","model":"{inner}","content":[{{"type":"tool_use","id":"t1","name":"{inner}","input":{{}}}}],"usage":{{"input_tokens":10,"output_tokens":5}}}}}}
{{"type":"user","uuid":"u2","sessionId":"{inner}","timestamp":"2026-02-01T10:00:01Z","message":{{"role":"user","content":[{{"type":"tool_result","tool_use_id":"t1","is_error":true,"content":"no"}}]}}}}
{{"type":"{inner}"}}
{{broken
"#
    );
    world.write("<script>alert('3')<&\"/a'<b>.jsonl", line);
    run(&world);
    let page = page(&world, &[]);
    let told = "&lt;/title&gt;&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;&lt;img src=x onerror=&quot;alert(2)&quot;&gt;&amp;amp;";
    // Model, tool, project, session and type; then user and file.
    assert!(page.matches(told).count() >= 5, "{page}");
    assert!(page.contains("&lt;script&gt;alert(&#39;3&#39;)&lt;&amp;&quot;"), "{page}");
    // Everything except the script that sorts tables, which is the last part of the page.
    let (page, script) = page.rsplit_once("<script>").unwrap();
    assert!(!script.contains(told), "{script}");
    for tag in ["<script", "<img", "alert('", "onerror=\"", "http://", "https://", "url(", "@import", "src="] {
        let found = page.replace(told, "").contains(tag);
        assert!(!found, "{tag} in\n{page}");
    }
}

/// Screenshots at the widths of a phone and a desktop, in both themes. They are kept in the folder
/// SESSIONMILL_SCREENSHOTS, if set, for people to look at.
#[test]
fn a_browser_shows_the_page() {
    let Some(browser) = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"]
        .into_iter()
        .find(|path| Path::new(path).exists())
    else {
        eprintln!("no Chromium here: nobody has looked at the page (apt-get install chromium)");
        return;
    };
    let world = world();
    page(&world, &[]);
    let kept = std::env::var_os("SESSIONMILL_SCREENSHOTS").map_or_else(|| world.path("shots"), Into::into);
    std::fs::create_dir_all(&kept).unwrap();
    let mut pictures = Vec::new();
    for (theme, flag) in
        [("light", "--blink-settings=preferredColorScheme=1"), ("dark", "--blink-settings=preferredColorScheme=0")]
    {
        for width in [390, 1280] {
            let picture = kept.join(format!("{theme}-{width}.png"));
            let status = Command::new(browser)
                .args([
                    "--headless=new",
                    "--no-sandbox",
                    "--disable-gpu",
                    "--disable-dev-shm-usage",
                    "--hide-scrollbars",
                    flag,
                ])
                .arg(format!("--user-data-dir={}", world.path("browser").display()))
                .arg(format!("--window-size={width},3000"))
                .arg(format!("--screenshot={}", picture.display()))
                .arg(format!("file://{}", world.path("page.html").display()))
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .status()
                .unwrap();
            assert!(status.success(), "{status}");
            pictures.push(std::fs::read(&picture).unwrap());
        }
    }
    // Only a script with the hash in the page's policy runs. It turns the heads of tables into buttons.
    let dom = Command::new(browser)
        .args(["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--dump-dom"])
        .arg(format!("--user-data-dir={}", world.path("browser").display()))
        .arg(format!("file://{}", world.path("page.html").display()))
        .output()
        .unwrap();
    let dom = String::from_utf8(dom.stdout).unwrap();
    assert!(dom.contains("<th scope=\"col\"><button>model</button></th>"), "{dom}");
    assert!(pictures.iter().all(|picture| picture.len() > 20_000), "a blank page");
    assert_ne!(pictures[0], pictures[2], "dark is as light");
}
