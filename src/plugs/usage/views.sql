-- Views that a new database has of the declared tables. What the database says of these views and of the columns that
-- are declared is in the declarations; what it says of other views and columns is here.

CREATE VIEW usage_shared_responses AS SELECT * EXCLUDE (key_hash) FROM facts.usage_shared_responses;

CREATE TABLE facts.usage_sums (
    session_file VARCHAR NOT NULL,
    username VARCHAR NOT NULL,
    session_id VARCHAR,
    project VARCHAR,
    side_chain BOOLEAN NOT NULL,
    model VARCHAR,
    fast BOOLEAN NOT NULL,
    service_tier VARCHAR,
    inference_geo VARCHAR,
    above BIGINT NOT NULL,
    agent VARCHAR,
    branch VARCHAR,
    subagent_id VARCHAR,
    command VARCHAR,
    skill VARCHAR,
    mcp_server VARCHAR,
    time TIMESTAMP,
    first_time TIMESTAMP,
    last_time TIMESTAMP,
    responses BIGINT NOT NULL,
    placeholders BIGINT NOT NULL,
    advisor_calls BIGINT NOT NULL,
    compactions BIGINT NOT NULL,
    declined BIGINT NOT NULL,
    copies BIGINT NOT NULL,
    input_tokens BIGINT NOT NULL,
    output_tokens BIGINT NOT NULL,
    cache_creation_input_tokens BIGINT NOT NULL,
    cache_creation_1h_input_tokens BIGINT NOT NULL,
    cache_read_input_tokens BIGINT NOT NULL,
    reasoning_output_tokens BIGINT NOT NULL,
    web_searches BIGINT NOT NULL
);
COMMENT ON TABLE facts.usage_sums IS 'responses of a source file in five minutes, added up where reports tell them by the same';

-- The same of calls of tools, by quarter of an hour. Slash commands are none: people type them.
CREATE TABLE facts.usage_call_sums (
    session_file VARCHAR NOT NULL,
    username VARCHAR NOT NULL,
    session_id VARCHAR,
    project VARCHAR,
    agent VARCHAR,
    tool VARCHAR NOT NULL,
    time TIMESTAMP,
    calls BIGINT NOT NULL,
    errors BIGINT NOT NULL,
    rejections BIGINT NOT NULL,
    lines_added BIGINT NOT NULL,
    lines_removed BIGINT NOT NULL,
    commits BIGINT NOT NULL,
    pull_requests BIGINT NOT NULL,
    test_runs BIGINT NOT NULL,
    failed_test_runs BIGINT NOT NULL
);
COMMENT ON TABLE facts.usage_call_sums IS 'calls of a source file in a quarter of an hour, added up where reports tell them by the same';

-- One in twenty calls is of these.
CREATE TABLE facts.usage_notable_calls (
    session_file VARCHAR NOT NULL,
    username VARCHAR NOT NULL,
    event_id VARCHAR NOT NULL,
    time TIMESTAMP,
    session_id VARCHAR,
    project VARCHAR,
    message_id VARCHAR,
    agent VARCHAR,
    kind VARCHAR NOT NULL,
    tool VARCHAR NOT NULL,
    subagent_type VARCHAR,
    subagent_id VARCHAR,
    caller_id VARCHAR,
    turn_command VARCHAR,
    turn_skill VARCHAR,
    cause VARCHAR,
    error VARCHAR,
    round BIGINT,
    is_retried BOOLEAN NOT NULL
);
COMMENT ON TABLE facts.usage_notable_calls IS 'calls that came to nothing, and those that started subagents, as in usage_tool_events';

CREATE TABLE facts.usage_file_changes (
    session_file VARCHAR NOT NULL,
    username VARCHAR NOT NULL,
    session_id VARCHAR,
    project VARCHAR,
    agent VARCHAR,
    file VARCHAR NOT NULL,
    time TIMESTAMP,
    changes BIGINT NOT NULL
);
COMMENT ON TABLE facts.usage_file_changes IS 'files that the calls of a source file changed in a quarter of an hour, each with the number of these calls';

-- A later call can go on with a subagent that is there.
CREATE VIEW usage_subagents AS
SELECT session_id, subagent_id, subagent_type, time AS started_at, caller_id AS started_by, turn_command AS command,
    turn_skill AS skill
FROM usage_tool_events WHERE kind = 'subagent' AND subagent_id IS NOT NULL
QUALIFY row_number() OVER (PARTITION BY session_id, subagent_id ORDER BY time, event_id) = 1;
COMMENT ON VIEW usage_subagents IS 'one row per subagent that a call started; ids are unique within a session';
COMMENT ON COLUMN usage_subagents.session_id IS 'session that the subagent works for';
COMMENT ON COLUMN usage_subagents.subagent_id IS 'as in usage_responses';
COMMENT ON COLUMN usage_subagents.subagent_type IS 'type that the call names';
COMMENT ON COLUMN usage_subagents.started_at IS 'time of the call, UTC';
COMMENT ON COLUMN usage_subagents.started_by IS 'subagent that called; null for the main conversation';
COMMENT ON COLUMN usage_subagents.command IS 'slash command that the turn of the call began with';
COMMENT ON COLUMN usage_subagents.skill IS 'skill that was called last in the turn, before the call';

CREATE VIEW usage_sessions AS
SELECT * EXCLUDE (client_title, first_prompt),
    coalesce(nullif(client_title, ''), nullif(first_prompt, '')) AS title,
    CASE WHEN client_title <> '' THEN 'client' WHEN first_prompt <> '' THEN 'prompt' END AS title_source
FROM facts.usage_sessions;
COMMENT ON COLUMN usage_sessions.session_file IS '<user>/<path below the user>';
COMMENT ON COLUMN usage_sessions.username IS 'whose transcript it is';
COMMENT ON COLUMN usage_sessions.title IS 'what it is called: by a person or the client, else the first line of the first prompt, without credentials';
COMMENT ON COLUMN usage_sessions.title_source IS 'client or prompt; null without a title';

CREATE TABLE usage_prices (
    model VARCHAR NOT NULL,
    fast BOOLEAN NOT NULL,
    service_tier VARCHAR,
    inference_geo VARCHAR,
    valid_from TIMESTAMP,
    valid_until TIMESTAMP,
    prompt_above BIGINT,
    prompt_up_to BIGINT,
    peak BOOLEAN,
    price VARCHAR,
    price_from DATE,
    lacks VARCHAR,
    input DECIMAL(18, 12),
    output DECIMAL(18, 12),
    cache_write_5m DECIMAL(18, 12),
    cache_write_1h DECIMAL(18, 12),
    cache_read DECIMAL(18, 12),
    web_search DECIMAL(18, 12)
);
COMMENT ON TABLE usage_prices IS 'what a token costs, for each model and way of billing that responses have; US dollars';
COMMENT ON COLUMN usage_prices.model IS 'as the logs spell it';
COMMENT ON COLUMN usage_prices.fast IS 'requests in fast mode';
COMMENT ON COLUMN usage_prices.service_tier IS 'as in usage_responses';
COMMENT ON COLUMN usage_prices.inference_geo IS 'as in usage_responses';
COMMENT ON COLUMN usage_prices.valid_from IS 'first moment, UTC; null is from the beginning';
COMMENT ON COLUMN usage_prices.valid_until IS 'moment after the last one, UTC; null is for ever';
COMMENT ON COLUMN usage_prices.prompt_above IS 'requests with more tokens of input, cache write and cache read together; null is any';
COMMENT ON COLUMN usage_prices.prompt_up_to IS 'requests with so many tokens or fewer; null is any';
COMMENT ON COLUMN usage_prices.peak IS 'requests at peak hours or outside of them; null is at any time of the day';
COMMENT ON COLUMN usage_prices.price IS 'row of the table of prices; null where the model has none';
COMMENT ON COLUMN usage_prices.price_from IS 'first day of that row; null is from the beginning';
COMMENT ON COLUMN usage_prices.lacks IS 'multipliers that the row does not give, so that there is no cost';
COMMENT ON COLUMN usage_prices.input IS 'per token';
COMMENT ON COLUMN usage_prices.output IS 'per token';
COMMENT ON COLUMN usage_prices.cache_write_5m IS 'per token';
COMMENT ON COLUMN usage_prices.cache_write_1h IS 'per token';
COMMENT ON COLUMN usage_prices.cache_read IS 'per token';
COMMENT ON COLUMN usage_prices.web_search IS 'per search';

CREATE TABLE usage_repositories (
    project VARCHAR NOT NULL,
    repository VARCHAR NOT NULL
);
COMMENT ON TABLE usage_repositories IS 'one row per working directory';
COMMENT ON COLUMN usage_repositories.project IS 'as in usage_responses';
COMMENT ON COLUMN usage_repositories.repository IS 'name of the project, as the configured identities say; else the git remote, or the name that clones of several people share, as */NAME; else the folder of the repository, as far as the path tells';

-- Tokens have a digit more than fits into 64 bits, so that a large product is not out of range.
CREATE VIEW usage_costs AS
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
