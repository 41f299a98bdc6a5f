//! Model names: the maker's own name for its many spellings, and the region that a spelling names.

use crate::price::multiplier::Residency;

/// Prefixes of makers whose models Bedrock serves at the maker's own rates.
const MAKERS: [&str; 2] = ["anthropic.", "openai."];

/// Prefixes of cloud region names.
const AREAS: [&str; 16] = [
    "af",
    "africa",
    "ap",
    "asia",
    "australia",
    "ca",
    "eu",
    "europe",
    "il",
    "me",
    "mx",
    "northamerica",
    "sa",
    "southamerica",
    "uk",
    "us",
];

/// Families of Claude models.
const FAMILIES: [&str; 5] = ["fable", "haiku", "mythos", "opus", "sonnet"];

/// Reasoning efforts. Gateways append them to the name; the price is the same.
const EFFORTS: [&str; 5] = ["minimal", "low", "medium", "high", "xhigh"];

/// The maker's own name for a model. Removes the provider that serves it, its region, a version of the provider's, a
/// date, the size of the context window, and the reasoning effort.
///
/// | spelling | used by |
/// | --- | --- |
/// | `claude-sonnet-4-5-20250929`, `gpt-5.4-2026-03-05`, `claude-opus-4-0`, `…-latest` | the maker |
/// | `claude-opus-4-6[1m]` | Claude Code, for the longer window |
/// | `us.anthropic.claude-sonnet-4-5-20250929-v1:0`, an ARN that ends in one | Bedrock |
/// | `claude-sonnet-4-5@20250929`, `claude-opus-4-6@default` | Vertex AI |
/// | `anthropic/claude-sonnet-4.5`, `anthropic/claude-3.7-sonnet:thinking` | OpenRouter |
/// | `claude-opus-41`, `gpt-5-1-codex` | gateways and deployments without dots |
/// | `claude-4.5-sonnet-thinking`, `gpt-5.4-xhigh` | editors |
pub fn plain(model: &str) -> String {
    let model = model.trim().to_lowercase();
    let mut name = without_window(&model);
    name = name.rsplit_once('/').map_or(name, |(_, name)| name);
    name = MAKERS.iter().find_map(|maker| Some(name.split_once(maker)?.1)).unwrap_or(name);
    name = name.split_once('@').map_or(name, |(name, _)| name);
    if let Some((before, variant)) = name.split_once(':')
        && (variant.starts_with(|c: char| c.is_ascii_digit()) || ["beta", "thinking"].contains(&variant))
    {
        name = before;
    }
    let is_claude = name.starts_with("claude-");
    while let Some(shorter) = without_suffix(name, is_claude) {
        name = shorter;
    }
    if is_claude { claude(name) } else { dotted(name) }
}

/// The name without one of the suffixes that do not change the price, if it has one.
fn without_suffix(name: &str, is_claude: bool) -> Option<&str> {
    let (before, last) = name.rsplit_once('-')?;
    let is_effort = (is_claude || name.starts_with("gpt-")) && EFFORTS.contains(&last);
    // A version of Bedrock's, or a thinking mode. Other makers have models whose own names end like that.
    let is_mode =
        is_claude && (["thinking", "thought"].contains(&last) || last.strip_prefix('v').is_some_and(is_number));
    if last == "latest" || is_effort || is_mode || last.len() == 8 && is_number(last) {
        return Some(before);
    }
    let (before, date) = name.split_at_checked(name.len().checked_sub(11)?)?;
    let is_date = date.strip_prefix('-').is_some_and(|date| date.parse::<chrono::NaiveDate>().is_ok());
    is_date.then_some(before)
}

/// The name of a Claude model as its maker writes it: without dots, and with the version before the family up to 3.7
/// but after it from 4 on.
fn claude(name: &str) -> String {
    let dashed = name.replace('.', "-");
    let mut parts: Vec<&str> = Vec::new();
    for part in dashed.split('-').skip(1) {
        // `claude-opus-41` is 4.1, but `claude-opus-4-10` is 4.10.
        match part.split_at_checked(1) {
            Some((major, minor))
                if part.len() == 2 && is_number(part) && !parts.last().is_some_and(|p| is_number(p)) =>
            {
                parts.extend([major, minor]);
            }
            _ => parts.push(part),
        }
    }
    let numbers = |parts: &[&str]| parts.iter().take_while(|part| is_number(part)).count();
    let leading = numbers(&parts);
    if !parts.get(leading).is_some_and(|part| FAMILIES.contains(part)) {
        return dashed;
    }
    let family = parts.remove(leading);
    let (version, rest) = parts.split_at(numbers(&parts));
    // `claude-opus-4-0` is the maker's alias for the newest `claude-opus-4`.
    let version = version.strip_suffix(&["0"]).filter(|version| !version.is_empty()).unwrap_or(version);
    let named = if version.first() == Some(&"3") { [version, &[family]] } else { [&[family], version] };
    [&["claude"], named[0], named[1], rest].concat().join("-")
}

/// The name with a dot between the digits of its version: `gpt-5-1-codex` becomes `gpt-5.1-codex`, and Azure's
/// `gpt-35-turbo` becomes `gpt-3.5-turbo`.
fn dotted(name: &str) -> String {
    let mut dotted = String::with_capacity(name.len() + 1);
    let mut before = "";
    for (at, part) in name.split('-').enumerate() {
        let is_minor = part.len() == 1 && is_number(part);
        let is_major = before.ends_with(|c: char| c.is_ascii_digit())
            && before.len() <= 2
            && before.bytes().filter(u8::is_ascii_digit).count() == 1;
        if at > 0 {
            dotted.push(if is_minor && is_major { '.' } else { '-' });
        }
        match part.split_at_checked(1) {
            Some((major, minor)) if before == "gpt" && part.len() == 2 && is_number(part) => {
                dotted.push_str(&format!("{major}.{minor}"));
            }
            _ => dotted.push_str(part),
        }
        before = part;
    }
    dotted
}

/// The region that a spelling names: a profile or region of Bedrock, or a location of Vertex AI or Azure.
pub fn place(model: &str) -> Residency {
    let model = model.trim().to_lowercase();
    let (path, name) = model.rsplit_once('/').unwrap_or(("", &model));
    let profile = MAKERS.iter().find_map(|maker| name.split_once(maker)).map_or("", |(before, _)| before);
    match profile.strip_suffix('.').map(|profile| profile.rsplit(':').next().unwrap_or(profile)) {
        Some("global") => return Residency::Global,
        Some(region) if region.starts_with("us-gov") => return Residency::Government,
        Some(region) if !region.is_empty() && region.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-') => {
            return Residency::Regional;
        }
        _ => {}
    }
    // An ARN names the region that serves the model only if it is of a foundation model. An inference profile can use
    // several regions.
    let of_profile = path.starts_with("arn:") && !path.ends_with(":foundation-model");
    let mut before = "";
    for part in path.split(['/', ':']).filter(|_| !of_profile) {
        if part.contains("-gov-") {
            return Residency::Government;
        }
        let is_named = ["azure", "locations"].contains(&before) && ["us", "eu"].contains(&part);
        if is_named || is_region(part) {
            return Residency::Regional;
        }
        before = part;
    }
    Residency::Global
}

/// Whether a word is the name of a cloud region: `eu-west-1`, `us-east5`, `asia-southeast1`.
fn is_region(word: &str) -> bool {
    let is_direction = |rest: &str| {
        let rest = rest.trim_end_matches(|c: char| c.is_ascii_digit() || c == '-');
        !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_lowercase())
    };
    word.ends_with(|c: char| c.is_ascii_digit())
        && word.split_once('-').is_some_and(|(area, rest)| AREAS.contains(&area) && is_direction(rest))
}

/// The name without the size of a context window in brackets.
fn without_window(name: &str) -> &str {
    let window = name.strip_suffix(']').and_then(|name| name.rsplit_once('['));
    let is_size = |size: &str| size.strip_suffix(['k', 'm']).is_some_and(is_number);
    window.filter(|(_, size)| is_size(size)).map_or(name, |(before, _)| before)
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_spellings_of_a_model_have_one_name() {
        for (name, spellings) in [
            (
                "claude-sonnet-4-5",
                &[
                    "claude-sonnet-4-5",
                    "Claude-Sonnet-4-5-20250929",
                    "claude-sonnet-4-5[1m]",
                    "claude-sonnet-4-5-20250929[1m]",
                    "claude-sonnet-4-5@20250929",
                    "vertex_ai/claude-sonnet-4-5@20250929",
                    "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
                    "us-gov.anthropic.claude-sonnet-4-5-20250929-v1:0",
                    "anthropic.claude-sonnet-4-5-20250929-v1:0:200k",
                    "bedrock/us-gov-east-1/claude-sonnet-4-5-20250929-v1:0",
                    "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.anthropic.claude-sonnet-4-5-20250929-v1:0",
                    "arn:aws:bedrock:eu-west-1::foundation-model/anthropic.claude-sonnet-4-5-20250929-v1:0",
                    "anthropic/claude-sonnet-4.5",
                    "openrouter/anthropic/claude-sonnet-4.5:thinking",
                    "claude-sonnet-45",
                    "claude-4.5-sonnet",
                    "claude-4-5-sonnet-20250929",
                    "claude-4.5-sonnet-thinking",
                    "claude-sonnet-4.5-high-thinking",
                    "claude-sonnet-4-5-thinking-20250929",
                    "global.anthropic.claude-sonnet-4-5-20250929-v1:0[1m]",
                    "projects/shop/locations/us-east5/publishers/anthropic/models/claude-sonnet-4-5@20250929",
                ][..],
            ),
            (
                "claude-opus-4-6",
                &["eu.anthropic.claude-opus-4-6-v1", "claude-opus-4-6@default", "claude-opus-4-6-20260205"],
            ),
            (
                "claude-opus-4",
                &["claude-opus-4-20250514", "anthropic/claude-opus-4", "claude-opus-4-0", "claude-4-opus-20250514"],
            ),
            ("claude-opus-4-1", &["claude-opus-41", "claude-opus-4.1", "claude-opus-4-1@20250805", "claude-4.1-opus"]),
            ("claude-sonnet-4", &["claude-sonnet-4-0", "claude-4-sonnet", "anthropic/claude-4-sonnet-20250522"]),
            ("claude-opus-5-5", &["claude-opus-55", "anthropic/claude-5.5-opus", "claude-opus-5-5-latest"]),
            (
                "claude-3-7-sonnet",
                &[
                    "claude-3-7-sonnet-latest",
                    "anthropic/claude-3.7-sonnet:beta",
                    "claude-sonnet-3.7",
                    "claude-37-sonnet",
                    "claude-3.7-sonnet-thought",
                ],
            ),
            (
                "gpt-5.4",
                &["gpt-5.4-2026-03-05", "openai/gpt-5.4", "gpt-5-4", "gpt-54", "gpt-5.4-xhigh", "us.openai.gpt-5.4"],
            ),
            ("gpt-5.1-codex-max", &["GPT-5.1-codex-max", "gpt-5-1-codex-max-high"]),
            ("gpt-3.5-turbo", &["gpt-35-turbo", "gpt-3-5-turbo"]),
            ("glm-4.5-air", &["z-ai/glm-4-5-air"]),
            ("kimi-k2.5", &["moonshotai/kimi-k2-5"]),
        ] {
            for spelling in spellings {
                assert_eq!(plain(spelling), name, "{spelling}");
            }
        }
    }

    #[test]
    fn different_models_keep_different_names() {
        for other in
            ["", "-", "sonnet", "claude-opus-4-6-fast", "gpt-5.4-mini", "qwen3:free", "gpt-5.4-2026-13-05", "日本"]
                .into_iter()
                .chain([
                    "claude-opus-4-10",
                    "claude",
                    "claude-3",
                    "kimi-k2-thinking",
                    "gpt-4-1106-preview",
                    "gpt-4o-mini",
                ])
                .chain(["claude-", "grok-4-0709", "o3-pro", "gemini-2.5-flash-preview-09-2025", "deepseek-v3"])
        {
            assert_eq!(plain(other), other);
        }
        assert_eq!(plain("arn:aws:bedrock:us-east-1:1:application-inference-profile/abc123"), "abc123");
    }

    #[test]
    fn a_spelling_names_the_place_that_serves_the_model() {
        for (place_named, spellings) in [
            (
                Residency::Global,
                &[
                    "claude-sonnet-4-5-20250929",
                    "anthropic/claude-sonnet-4.5",
                    "global.anthropic.claude-opus-4-6-v1",
                    "anthropic.claude-sonnet-4-5-20250929-v1:0",
                    "vertex_ai/claude-opus-4-6@default",
                    "projects/shop/locations/global/publishers/anthropic/models/claude-opus-4-6",
                    "arn:aws:bedrock:us-east-1:123456789012:inference-profile/global.anthropic.claude-opus-4-6-v1",
                    "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abc123",
                    "x-ai/grok-4",
                ][..],
            ),
            (
                Residency::Regional,
                &[
                    "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
                    "EU.anthropic.claude-opus-4-6-v1",
                    "apac.anthropic.claude-haiku-4-5-20251001-v1:0",
                    "jp.anthropic.claude-sonnet-4-6",
                    "au.anthropic.claude-sonnet-4-6",
                    "us.openai.gpt-5.6-sol",
                    "bedrock/eu-central-1/anthropic.claude-sonnet-4-6",
                    "bedrock/us.anthropic.claude-sonnet-4-6",
                    "arn:aws:bedrock:eu-west-1:123456789012:inference-profile/eu.anthropic.claude-opus-4-6-v1",
                    "arn:aws:bedrock:eu-west-1::foundation-model/anthropic.claude-sonnet-4-5-20250929-v1:0",
                    "projects/shop/locations/us-east5/publishers/anthropic/models/claude-opus-4-6",
                    "projects/shop/locations/eu/publishers/anthropic/models/claude-opus-4-6",
                    "vertex_ai/europe-west1/claude-opus-4-6@default",
                    "azure/eu/gpt-5.4",
                ],
            ),
            (
                Residency::Government,
                &[
                    "us-gov.anthropic.claude-sonnet-4-5-20250929-v1:0",
                    "bedrock/us-gov-east-1/claude-sonnet-4-5-20250929-v1:0",
                    "arn:aws-us-gov:bedrock:us-gov-west-1::foundation-model/anthropic.claude-sonnet-4-5-20250929-v1:0",
                ],
            ),
        ] {
            for spelling in spellings {
                assert_eq!(place(spelling), place_named, "{spelling}");
            }
        }
    }
}
