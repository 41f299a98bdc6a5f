//! Recognises programs without a human user: crawlers, fetchers of AI assistants, headless browsers, monitoring checks.
//!
//! They are recognised by their user agent string and by marks that the page set. A program with neither looks like a
//! person.

use serde::Deserialize;
use serde_json::Value;

const NAMES: &str = include_str!("bots.txt");

/// Whether a user agent string names a program. The rules of uap-core know further crawlers.
pub fn is_named(agent: &str) -> bool {
    let agent = agent.to_ascii_lowercase();
    has_word(&agent) || names().any(|name| agent.contains(name))
}

/// Whether the properties of an event, as JSON, mark it as written by a program: a browser under remote control sets
/// `navigator.webdriver`, and analytics clients pass that on.
pub fn is_marked(properties: &str) -> bool {
    let marks = ["webdriver", "is_bot", "$browser_type"];
    // Properties are long and marks are rare, so search for the words first.
    if !marks.iter().any(|mark| properties.contains(mark)) {
        return false;
    }
    let Ok(marks) = serde_json::from_str::<Marks>(properties) else { return false };
    let is_true = |value: &Option<Value>| match value {
        Some(Value::Bool(mark)) => *mark,
        Some(Value::String(text)) => text.eq_ignore_ascii_case("true"),
        _ => false,
    };
    let is_bot = |value: &Option<Value>| value.as_ref().and_then(Value::as_str) == Some("bot");
    [&marks.webdriver, &marks.client_webdriver, &marks.is_bot, &marks.client_is_bot].into_iter().any(is_true)
        || is_bot(&marks.browser_type)
}

#[derive(Deserialize)]
struct Marks {
    webdriver: Option<Value>,
    #[serde(rename = "$webdriver")]
    client_webdriver: Option<Value>,
    is_bot: Option<Value>,
    #[serde(rename = "$is_bot")]
    client_is_bot: Option<Value>,
    #[serde(rename = "$browser_type")]
    browser_type: Option<Value>,
}

fn names() -> impl Iterator<Item = &'static str> {
    NAMES.lines().filter(|line| !line.is_empty() && !line.starts_with('#'))
}

/// Whether a word of the string (in lower case) ends like the name of a crawler. `Cubot` is a brand of telephones.
fn has_word(agent: &str) -> bool {
    let words = agent.split(|letter: char| !letter.is_ascii_alphabetic());
    let is_crawler = |word: &str| {
        let endings = ["bot", "crawler", "spider", "scraper"];
        word != "cubot" && endings.iter().any(|ending| word.ends_with(ending))
    };
    words.into_iter().any(is_crawler)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_programs() {
        for agent in [
            "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
            "Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)",
            "Mozilla/5.0 (compatible; GPTBot/1.2; +https://openai.com/gptbot)",
            "Mozilla/5.0 (compatible; ChatGPT-User/1.0; +https://openai.com/bot)",
            "Mozilla/5.0 (compatible; ClaudeBot/1.0; +claudebot@anthropic.com)",
            "Mozilla/5.0 (compatible; Perplexity-User/1.0; +https://perplexity.ai/perplexity-user)",
            "meta-externalagent/1.1 (+https://developers.facebook.com/docs/sharing/webmasters/crawler)",
            "Mozilla/5.0 (compatible; Bytespider; spider-feedback@bytedance.com)",
            "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 HeadlessChrome/125.0.0.0 Safari/537.36",
            "facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)",
            "Mozilla/5.0 (Windows NT 6.1; WOW64) AppleWebKit/534+ (KHTML, like Gecko) BingPreview/1.0b",
            "curl/8.7.1",
            "python-requests/2.32.3",
            "OilShopScraper/3",
        ] {
            assert!(is_named(agent), "{agent}");
        }
        for agent in [
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0 Safari/537.36",
            "Mozilla/5.0 (Linux; Android 4.2.2; CUBOT C9+ Build/JDQ39) AppleWebKit/537.36 Chrome/31.0 Mobile Safari/537.36",
            "Shop/4 CFNetwork/1494 Darwin/23.4.0",
            "Dalvik/2.1.0 (Linux; U; Android 14; Pixel 8)",
            "Botanica/1.0 (iPhone)",
            "",
        ] {
            assert!(!is_named(agent), "{agent}");
        }
    }

    #[test]
    fn marks_of_programs() {
        for properties in [
            r#"{"webdriver":true}"#,
            r#"{"$webdriver":"true","$lib":"web"}"#,
            r#"{"$browser_type":"bot"}"#,
            r#"{"$is_bot":true}"#,
            &format!(r#"{{"x":{}1{},"webdriver":true}}"#, "[".repeat(100_000), "]".repeat(100_000)),
        ] {
            assert!(is_marked(properties), "{}", &properties[..20]);
        }
        for properties in [
            r#"{"webdriver":false}"#,
            r#"{"webdriver":1}"#,
            r#"{"note":"webdriver"}"#,
            r#"{"$browser_type":"human"}"#,
            r#"{"nested":{"webdriver":true}}"#,
            "webdriver",
            "{}",
            "",
        ] {
            assert!(!is_marked(properties), "{properties}");
        }
    }
}
