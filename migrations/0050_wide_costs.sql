-- The cost of some billion tokens was out of range.

CREATE OR REPLACE VIEW usage_costs AS
SELECT r.*, coalesce(people.person, r.username) AS person, people.team,
    coalesce(usage_repositories.repository, r.project) AS repository, price.price, price.price_from, price.lacks,
    r.input_tokens::DECIMAL(19, 0) * price.input + r.output_tokens::DECIMAL(19, 0) * price.output
        + (r.cache_creation_input_tokens - r.cache_creation_1h_input_tokens)::DECIMAL(19, 0) * price.cache_write_5m
        + r.cache_creation_1h_input_tokens::DECIMAL(19, 0) * price.cache_write_1h
        + r.cache_read_input_tokens::DECIMAL(19, 0) * price.cache_read
        + r.web_searches::DECIMAL(19, 0) * price.web_search AS cost_usd
FROM usage_responses AS r
LEFT JOIN people USING (username)
LEFT JOIN usage_repositories ON usage_repositories.project = r.project
LEFT JOIN usage_prices AS price ON price.model = r.model
    AND price.fast = (r.fast AND (r.part = 0 OR r.part_kind IS NOT DISTINCT FROM 'compaction'))
    AND price.service_tier IS NOT DISTINCT FROM r.service_tier
    AND price.inference_geo IS NOT DISTINCT FROM r.inference_geo
    AND (price.valid_from IS NULL OR r.time IS NULL OR r.time >= price.valid_from)
    AND (price.valid_until IS NULL OR r.time < price.valid_until)
    AND (price.prompt_above IS NULL
        OR r.input_tokens + r.cache_creation_input_tokens + r.cache_read_input_tokens > price.prompt_above)
    AND (price.prompt_up_to IS NULL
        OR r.input_tokens + r.cache_creation_input_tokens + r.cache_read_input_tokens <= price.prompt_up_to)
    AND (price.peak IS NULL
        OR price.peak = coalesce(isodow(r.time) < 6 AND hour(r.time) IN (1, 2, 3, 6, 7, 8, 9), false));
COMMENT ON VIEW usage_costs IS 'usage_responses with who it is for and what it costs: one row per response and part';
COMMENT ON COLUMN usage_costs.message_id IS 'as in usage_responses';
COMMENT ON COLUMN usage_costs.part IS 'as in usage_responses';
COMMENT ON COLUMN usage_costs.session_file IS 'as in usage_responses';
COMMENT ON COLUMN usage_costs.username IS 'as in usage_responses';
COMMENT ON COLUMN usage_costs.line IS 'as in usage_responses';
COMMENT ON COLUMN usage_costs.time IS 'as in usage_responses';
COMMENT ON COLUMN usage_costs.session_id IS 'as in usage_responses';
COMMENT ON COLUMN usage_costs.project IS 'as in usage_responses';
COMMENT ON COLUMN usage_costs.side_chain IS 'as in usage_responses';
COMMENT ON COLUMN usage_costs.counted_file IS 'as in usage_responses';
COMMENT ON COLUMN usage_costs.counted_line IS 'as in usage_responses';
COMMENT ON COLUMN usage_costs.model IS 'as in usage_responses';
COMMENT ON COLUMN usage_costs.input_tokens IS 'as in usage_responses';
COMMENT ON COLUMN usage_costs.output_tokens IS 'as in usage_responses';
COMMENT ON COLUMN usage_costs.cache_creation_input_tokens IS 'as in usage_responses';
COMMENT ON COLUMN usage_costs.cache_creation_1h_input_tokens IS 'as in usage_responses';
COMMENT ON COLUMN usage_costs.cache_read_input_tokens IS 'as in usage_responses';
COMMENT ON COLUMN usage_costs.placeholder IS 'as in usage_responses';
COMMENT ON COLUMN usage_costs.fast IS 'as in usage_responses';
COMMENT ON COLUMN usage_costs.web_searches IS 'as in usage_responses';
COMMENT ON COLUMN usage_costs.client_version IS 'as in usage_responses';
COMMENT ON COLUMN usage_costs.reported_cost_micro_usd IS 'as in usage_responses';
COMMENT ON COLUMN usage_costs.copies IS 'as in usage_responses';
COMMENT ON COLUMN usage_costs.agent IS 'as in usage_responses';
COMMENT ON COLUMN usage_costs.reasoning_output_tokens IS 'as in usage_responses';
COMMENT ON COLUMN usage_costs.branch IS 'as in usage_responses';
COMMENT ON COLUMN usage_costs.subagent_id IS 'as in usage_responses';
COMMENT ON COLUMN usage_costs.command IS 'as in usage_responses';
COMMENT ON COLUMN usage_costs.skill IS 'as in usage_responses';
COMMENT ON COLUMN usage_costs.mcp_server IS 'as in usage_responses';
COMMENT ON COLUMN usage_costs.service_tier IS 'as in usage_responses';
COMMENT ON COLUMN usage_costs.inference_geo IS 'as in usage_responses';
COMMENT ON COLUMN usage_costs.part_kind IS 'as in usage_responses';
COMMENT ON COLUMN usage_costs.person IS 'name in reports, as in people';
COMMENT ON COLUMN usage_costs.team IS 'as in people';
COMMENT ON COLUMN usage_costs.repository IS 'as in usage_repositories';
COMMENT ON COLUMN usage_costs.price IS 'row of the table of prices that it costs by; null where the model has none';
COMMENT ON COLUMN usage_costs.price_from IS 'first day of that row';
COMMENT ON COLUMN usage_costs.lacks IS 'multipliers that the row does not give, so that there is no cost';
COMMENT ON COLUMN usage_costs.cost_usd IS 'exact, in US dollars at list prices; null without a price';
