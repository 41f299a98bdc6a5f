-- Reasoning is a part of the output that some agents tell apart. The view is made again, because one of
-- all columns does not see new ones.

ALTER TABLE facts.usage_copies ADD COLUMN IF NOT EXISTS reasoning_output_tokens BIGINT DEFAULT 0;
ALTER TABLE facts.usage_responses ADD COLUMN IF NOT EXISTS reasoning_output_tokens BIGINT DEFAULT 0;

CREATE OR REPLACE VIEW usage_responses AS SELECT * EXCLUDE (key_hash) FROM facts.usage_responses;
COMMENT ON VIEW usage_responses IS 'one row per response (part 0) and per call of its advisors (part 1 and up)';
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
