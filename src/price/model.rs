//! The one name of a model behind its many spellings.

/// The maker's own name of a model: without the provider that serves it, its region, a version of the
/// provider's, a date, or the size of the context window.
///
/// | spelling | of |
/// | --- | --- |
/// | `claude-sonnet-4-5-20250929`, `gpt-5.4-2026-03-05`, `…-latest` | the maker |
/// | `claude-opus-4-6[1m]` | Claude Code, for the longer window |
/// | `us.anthropic.claude-sonnet-4-5-20250929-v1:0`, an ARN that ends in one | Bedrock |
/// | `claude-sonnet-4-5@20250929`, `claude-opus-4-6@default` | Vertex AI |
/// | `anthropic/claude-sonnet-4.5`, `anthropic/claude-3.7-sonnet:thinking` | OpenRouter |
pub fn plain(model: &str) -> String {
    let model = model.trim().to_lowercase();
    let mut name = model.strip_suffix("[1m]").unwrap_or(&model);
    name = name.rsplit_once('/').map_or(name, |(_, name)| name);
    name = name.split_once("anthropic.").map_or(name, |(_, name)| name);
    name = name.split_once('@').map_or(name, |(name, _)| name);
    if let Some((before, variant)) = name.split_once(':')
        && (variant.starts_with(|c: char| c.is_ascii_digit()) || ["beta", "thinking"].contains(&variant))
    {
        name = before;
    }
    name = without(name, |part| part.strip_prefix('v').is_some_and(is_number));
    name = name.strip_suffix("-latest").unwrap_or(name);
    name = without(name, |part| part.len() == 8 && is_number(part));
    if let Some((at, date)) = name.len().checked_sub(11).and_then(|at| Some((at, name.get(at..)?)))
        && date.starts_with('-')
        && date[1..].parse::<chrono::NaiveDate>().is_ok()
    {
        name = &name[..at];
    }
    if name.starts_with("claude-") { name.replace('.', "-") } else { name.to_owned() }
}

/// The name without its last part, if that is what it is asked for.
fn without(name: &str, is_extra: impl Fn(&str) -> bool) -> &str {
    name.rsplit_once('-').filter(|(_, last)| is_extra(last)).map_or(name, |(before, _)| before)
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
                ][..],
            ),
            (
                "claude-opus-4-6",
                &["eu.anthropic.claude-opus-4-6-v1", "claude-opus-4-6@default", "claude-opus-4-6-20260205"],
            ),
            ("claude-opus-4", &["claude-opus-4-20250514", "anthropic/claude-opus-4"]),
            ("claude-3-7-sonnet", &["claude-3-7-sonnet-latest", "anthropic/claude-3.7-sonnet:beta"]),
            ("gpt-5.4", &["gpt-5.4-2026-03-05", "openai/gpt-5.4"]),
            ("gpt-5.1-codex-max", &["GPT-5.1-codex-max"]),
        ] {
            for spelling in spellings {
                assert_eq!(plain(spelling), name, "{spelling}");
            }
        }
    }

    #[test]
    fn what_is_another_model_stays_one() {
        for other in
            ["", "-", "sonnet", "claude-opus-4-6-fast", "gpt-5.4-mini", "qwen3:free", "gpt-5.4-2026-13-05", "日本"]
        {
            assert_eq!(plain(other), other);
        }
        assert_eq!(plain("arn:aws:bedrock:us-east-1:1:application-inference-profile/abc123"), "abc123");
    }
}
