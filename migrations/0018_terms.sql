-- How a response is billed beside its tokens, and what each of its parts is. The view is made again,
-- because one of all columns does not see new ones.

ALTER TABLE facts.usage_copies ADD COLUMN IF NOT EXISTS service_tier VARCHAR;
ALTER TABLE facts.usage_copies ADD COLUMN IF NOT EXISTS inference_geo VARCHAR;
ALTER TABLE facts.usage_copies ADD COLUMN IF NOT EXISTS part_kind VARCHAR;
ALTER TABLE facts.usage_responses ADD COLUMN IF NOT EXISTS service_tier VARCHAR;
ALTER TABLE facts.usage_responses ADD COLUMN IF NOT EXISTS inference_geo VARCHAR;
ALTER TABLE facts.usage_responses ADD COLUMN IF NOT EXISTS part_kind VARCHAR;

CREATE OR REPLACE VIEW usage_responses AS SELECT * EXCLUDE (key_hash) FROM facts.usage_responses;
COMMENT ON VIEW usage_responses IS 'one row per response (part 0) and per call that its numbers leave out (part 1 and up): of advisors, compactions, declined attempts';
COMMENT ON COLUMN usage_responses.message_id IS 'message.id, or uuid:… or line:… where the log gives none';
COMMENT ON COLUMN usage_responses.session_file IS 'source file of the earliest copy, which also gives username, line, time, session_id and project';
COMMENT ON COLUMN usage_responses.time IS 'UTC; of a neighbouring record where the line has none';
COMMENT ON COLUMN usage_responses.session_id IS 'session id of the transcript; subagents have their parent''s';
COMMENT ON COLUMN usage_responses.project IS 'working directory';
COMMENT ON COLUMN usage_responses.counted_file IS 'source file of the copy that the numbers are taken from';
COMMENT ON COLUMN usage_responses.cache_creation_input_tokens IS 'cache writes, 1-hour ones included';
COMMENT ON COLUMN usage_responses.placeholder IS 'the output count is from the start of the stream: older clients did not write the final one';
COMMENT ON COLUMN usage_responses.fast IS 'billed at the fast rate';
COMMENT ON COLUMN usage_responses.web_searches IS 'by the server, and by the WebSearch tool that the response called';
COMMENT ON COLUMN usage_responses.reported_cost_micro_usd IS 'what the client says it cost, in millionths of a US dollar';
COMMENT ON COLUMN usage_responses.copies IS 'source files that hold the response';
COMMENT ON COLUMN usage_responses.agent IS 'the agent whose log it is: claude-code, codex';
COMMENT ON COLUMN usage_responses.reasoning_output_tokens IS 'part of output_tokens, where the agent tells it';
COMMENT ON COLUMN usage_responses.branch IS 'git branch';
COMMENT ON COLUMN usage_responses.subagent_id IS 'subagent that it is by; null in the main conversation';
COMMENT ON COLUMN usage_responses.command IS 'slash command that the turn of the conversation began with';
COMMENT ON COLUMN usage_responses.skill IS 'skill that was called last in the turn, before the response';
COMMENT ON COLUMN usage_responses.mcp_server IS 'server of the first MCP call that the response makes';
COMMENT ON COLUMN usage_responses.part IS '0 for the response itself, from 1 on for calls that its numbers leave out';
COMMENT ON COLUMN usage_responses.username IS 'whose transcript it is';
COMMENT ON COLUMN usage_responses.line IS 'of session_file';
COMMENT ON COLUMN usage_responses.side_chain IS 'said in a subagent''s conversation';
COMMENT ON COLUMN usage_responses.counted_line IS 'of counted_file';
COMMENT ON COLUMN usage_responses.model IS 'as the log has it';
COMMENT ON COLUMN usage_responses.input_tokens IS 'without those read from or written to the cache';
COMMENT ON COLUMN usage_responses.output_tokens IS 'thinking included';
COMMENT ON COLUMN usage_responses.cache_creation_1h_input_tokens IS 'part of cache_creation_input_tokens that is kept for an hour';
COMMENT ON COLUMN usage_responses.cache_read_input_tokens IS 'read from the cache';
COMMENT ON COLUMN usage_responses.client_version IS 'of the agent';
COMMENT ON COLUMN usage_responses.service_tier IS 'service tier, as the log names it: standard, priority, batch, flex; null where it names none';
COMMENT ON COLUMN usage_responses.inference_geo IS 'where inference may run, as the log names it: us, global, not_available; null where it names none';
COMMENT ON COLUMN usage_responses.part_kind IS 'what a part from 1 on is for: advisor, compaction, declined; null for the response itself, and for calls of advisors that an older version read';
