//! One row for each rule, and for each boundary between two of them.

use super::*;

/// source, medium, campaign, referring domain
type Utm = (&'static str, &'static str, &'static str, &'static str);

fn arrival((source, medium, campaign, domain): Utm) -> Arrival<'static> {
    let present = |value: &'static str| (!value.is_empty()).then_some(value);
    Arrival {
        source: present(source),
        medium: present(medium),
        campaign: present(campaign),
        referring_domain: present(domain),
        ..Arrival::default()
    }
}

#[test]
fn source_medium_campaign_and_referrer() {
    for (utm, expected) in [
        // across networks, before all else
        (("google", "cpc", "spring cross-network", "www.google.com"), "Cross Network"),
        (("", "", "Cross-Network", "$direct"), "Cross Network"),
        // paid: by source
        (("google", "cpc", "", ""), "Paid Search"),
        (("Bing", "CPC", "", ""), "Paid Search"),
        (("facebook", "paid", "", "$direct"), "Paid Social"),
        (("tiktok.com", "paid_social", "", ""), "Paid Social"),
        (("youtube", "cpv", "", ""), "Paid Video"),
        (("amazon", "ppc", "", ""), "Paid Shopping"),
        (("google", "retargeting", "shopping", ""), "Paid Search"),
        // paid: by the campaign of a shop
        (("", "cpc", "shop", ""), "Paid Shopping"),
        (("", "cpc", "spring shopping", "www.google.com"), "Paid Shopping"),
        (("", "cpc", "eshop", ""), "Paid Shopping"),
        (("", "cpc", "my-shop", ""), "Paid Shopping"),
        (("", "cpc", "workshop", ""), "Paid Unknown"),
        (("hinge-club", "cpa", "shop week", ""), "Paid Shopping"),
        // paid: by medium
        (("hinge-club", "cpm", "", ""), "Display"),
        (("", "cpm", "", "www.google.com"), "Display"),
        // paid: by referrer
        (("", "cpc", "", "www.google.co.uk"), "Paid Search"),
        (("hinge-club", "cpc", "", "m.facebook.com"), "Paid Social"),
        (("", "ppc", "", "www.ebay.co.uk"), "Paid Shopping"),
        (("", "cpc", "", "www.youtube.com"), "Paid Video"),
        // paid: by the words of the campaign, and by nothing
        (("", "cpc", "spring video", ""), "Paid Video"),
        (("", "paidletter", "", "mail.google.com"), "Paid Unknown"),
        (("newsletter", "cpc", "", ""), "Paid Unknown"),
        (("chatgpt", "cpc", "", "chatgpt.com"), "Paid Unknown"),
        // direct
        (("", "", "", "$direct"), "Direct"),
        (("direct", "", "", "$direct"), "Direct"),
        (("(direct)", "", "spring", "$direct"), "Direct"),
        (("null", "null", "", "$direct"), "Direct"),
        (("hinge-club", "", "", "$direct"), "Direct"),
        (("", "poster", "", "$direct"), "Direct"),
        (("", "email", "", "$direct"), "Email"),
        // assistants
        (("chatgpt.com", "", "", "$direct"), "AI Assistant"),
        (("perplexity", "referral", "", ""), "AI Assistant"),
        (("", "", "", "claude.ai"), "AI Assistant"),
        (("", "", "", "gemini.google.com"), "AI Assistant"),
        (("", "", "", "copilot.microsoft.com"), "AI Assistant"),
        // organic: by source
        (("google", "", "", ""), "Organic Search"),
        (("google", "email", "", ""), "Organic Search"),
        (("ig", "", "", "$direct"), "Organic Social"),
        (("youtube", "", "", ""), "Organic Video"),
        (("etsy", "", "", ""), "Organic Shopping"),
        (("mailchimp", "", "", ""), "Email"),
        (("sms", "", "", ""), "SMS"),
        // organic: by the campaign of a shop
        (("", "email", "shopping list", ""), "Organic Shopping"),
        // organic: by medium
        (("", "social", "", "www.google.com"), "Organic Social"),
        (("", "social media", "", ""), "Organic Social"),
        (("", "video", "", ""), "Organic Video"),
        (("", "E-Mail", "", ""), "Email"),
        (("", "affiliate", "", ""), "Affiliate"),
        (("", "partnerships", "", ""), "Affiliate"),
        (("", "audio", "", ""), "Audio"),
        (("", "banner", "", ""), "Display"),
        (("", "sms", "", ""), "SMS"),
        (("", "app", "", ""), "Referral"),
        (("", "notification", "", ""), "Push"),
        // organic: by referrer
        (("", "", "", "www.bing.com"), "Organic Search"),
        (("hinge-club", "poster", "", "news.ycombinator.com"), "Organic Social"),
        (("", "", "", "www.youtube.com"), "Organic Video"),
        (("", "", "", "www.amazon.de"), "Organic Shopping"),
        (("", "", "", "mail.google.com"), "Email"),
        // organic: by the words of campaign and medium, and by what is left
        (("", "", "spring video", "hinges.example"), "Organic Video"),
        (("", "webpush", "", "$direct"), "Push"),
        (("", "pushy", "", "hinges.example"), "Referral"),
        (("", "", "", "hinges.example"), "Referral"),
        (("hinge-club", "", "", ""), "Unknown"),
        (("", "", "", ""), "Unknown"),
    ] {
        assert_eq!(channel(&arrival(utm), &[]), expected, "{utm:?}");
    }
}

#[test]
fn click_ids() {
    let google = |domain| Arrival { has_gclid: true, ..arrival(("", "", "", domain)) };
    assert_eq!(channel(&google("www.google.com"), &[]), "Paid Search");
    assert_eq!(channel(&google("www.youtube.com"), &[]), "Paid Video");
    assert_eq!(channel(&google("ads.hinges.example"), &[]), "Paid Unknown");
    assert_eq!(channel(&google("$direct"), &[]), "Paid Unknown");
    let gad = |gad_source| Arrival { gad_source: Some(gad_source), ..arrival(("", "", "spring video", "$direct")) };
    assert_eq!(channel(&gad("1"), &[]), "Paid Search");
    assert_eq!(channel(&gad("5"), &[]), "Paid Video");
    assert_eq!(channel(&Arrival { medium: Some("pmax"), source: Some("google"), ..gad("1") }, &[]), "Paid Search");
    let facebook = |utm| Arrival { has_fbclid: true, ..arrival(utm) };
    assert_eq!(channel(&facebook(("", "", "", "$direct")), &[]), "Organic Social");
    assert_eq!(channel(&facebook(("", "", "", "www.google.com")), &[]), "Organic Search");
    assert_eq!(channel(&facebook(("hinge-club", "cpc", "", "$direct")), &[]), "Paid Social");
}

#[test]
fn rules_of_the_configuration_come_first() {
    let rule = |channel: &str, source: &str| Rule {
        channel: channel.to_owned(),
        source: vec![source.to_owned()],
        ..Rule::default()
    };
    let rules = [rule("Club", "hinge-*"), rule("Partners", "*")];
    assert_eq!(channel(&arrival(("hinge-club", "cpc", "", "")), &rules), "Club");
    assert_eq!(channel(&arrival(("google", "cpc", "", "")), &rules), "Partners");
    assert_eq!(channel(&arrival(("", "cpc", "", "www.google.com")), &rules), "Paid Search");
}
