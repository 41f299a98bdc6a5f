-- Clones of one git remote are one project.

ALTER TABLE facts.usage_sessions ADD COLUMN IF NOT EXISTS remote VARCHAR;

CREATE OR REPLACE VIEW usage_sessions AS
SELECT * EXCLUDE (client_title, first_prompt),
    coalesce(nullif(client_title, ''), nullif(first_prompt, '')) AS title,
    CASE WHEN client_title <> '' THEN 'client' WHEN first_prompt <> '' THEN 'prompt' END AS title_source
FROM facts.usage_sessions;
COMMENT ON VIEW usage_sessions IS 'one row per source file; tokens are those of its own copies, so sums over files count what files repeat';
COMMENT ON COLUMN usage_sessions.session_file IS '<user>/<path below the user>';
COMMENT ON COLUMN usage_sessions.username IS 'whose transcript it is';
COMMENT ON COLUMN usage_sessions.session_id IS 'of the transcript; its name where it gives none';
COMMENT ON COLUMN usage_sessions.started IS 'time of the first record, UTC';
COMMENT ON COLUMN usage_sessions.ended IS 'time of the last record, UTC';
COMMENT ON COLUMN usage_sessions.wall_seconds IS 'last minus first record';
COMMENT ON COLUMN usage_sessions.active_seconds IS 'wall time without pauses of more than 600 s';
COMMENT ON COLUMN usage_sessions.prompts IS 'messages that a person wrote';
COMMENT ON COLUMN usage_sessions.assistant_messages IS 'responses in the file';
COMMENT ON COLUMN usage_sessions.tool_calls IS 'calls of tools, MCP servers and subagents';
COMMENT ON COLUMN usage_sessions.mcp_calls IS 'part of tool_calls';
COMMENT ON COLUMN usage_sessions.subagent_calls IS 'part of tool_calls';
COMMENT ON COLUMN usage_sessions.slash_commands IS 'that a person gave';
COMMENT ON COLUMN usage_sessions.tool_errors IS 'failed calls of tools, MCP servers and subagents';
COMMENT ON COLUMN usage_sessions.mcp_errors IS 'part of tool_errors';
COMMENT ON COLUMN usage_sessions.subagent_errors IS 'part of tool_errors';
COMMENT ON COLUMN usage_sessions.api_errors IS 'calls of the model that failed';
COMMENT ON COLUMN usage_sessions.distinct_tools IS 'different tools that were called';
COMMENT ON COLUMN usage_sessions.distinct_skills IS 'different skills that were called';
COMMENT ON COLUMN usage_sessions.primary_model IS 'the model of most output';
COMMENT ON COLUMN usage_sessions.input_tokens IS 'as in usage_responses';
COMMENT ON COLUMN usage_sessions.output_tokens IS 'as in usage_responses';
COMMENT ON COLUMN usage_sessions.cache_creation_input_tokens IS 'as in usage_responses';
COMMENT ON COLUMN usage_sessions.cache_creation_1h_input_tokens IS 'as in usage_responses';
COMMENT ON COLUMN usage_sessions.cache_read_input_tokens IS 'as in usage_responses';
COMMENT ON COLUMN usage_sessions.malformed_lines IS 'lines that are no JSON object, or too long';
COMMENT ON COLUMN usage_sessions.client_version IS 'of the agent, the last one';
COMMENT ON COLUMN usage_sessions.reported_cost_micro_usd IS 'what the client says it cost, in millionths of a US dollar';
COMMENT ON COLUMN usage_sessions.agent IS 'the agent whose log it is; null for a file that says nothing';
COMMENT ON COLUMN usage_sessions.client_total_micro_usd IS 'the client''s own total for its session, in millionths of a US dollar; not a sum over lines';
COMMENT ON COLUMN usage_sessions.turns IS 'prompts and slash commands of a person, each of which begins a turn';
COMMENT ON COLUMN usage_sessions.compactions IS 'times that the conversation was replaced by a summary of it';
COMMENT ON COLUMN usage_sessions.interruptions IS 'times that a person stopped a turn';
COMMENT ON COLUMN usage_sessions.rejections IS 'calls that a person declined';
COMMENT ON COLUMN usage_sessions.api_overloads IS 'part of api_errors: the server had too much to do';
COMMENT ON COLUMN usage_sessions.api_limits IS 'part of api_errors: a limit of the account was reached';
COMMENT ON COLUMN usage_sessions.api_auth_errors IS 'part of api_errors: nobody was logged in, or the key was refused';
COMMENT ON COLUMN usage_sessions.lines_added IS 'by calls that did not fail; those of a file that is written whole are all new';
COMMENT ON COLUMN usage_sessions.lines_removed IS 'by calls that did not fail';
COMMENT ON COLUMN usage_sessions.files_changed IS 'different files that calls changed';
COMMENT ON COLUMN usage_sessions.commits IS 'commands that committed';
COMMENT ON COLUMN usage_sessions.pull_requests IS 'commands that opened a pull request';
COMMENT ON COLUMN usage_sessions.test_runs IS 'commands that ran tests, whatever came of it';
COMMENT ON COLUMN usage_sessions.failed_test_runs IS 'part of test_runs: they ended with an exit code other than 0';
COMMENT ON COLUMN usage_sessions.remote IS 'host and path of the git remote, such as example.org/ada/mill, where the log names it';
COMMENT ON COLUMN usage_sessions.title IS 'what it is called: by a person or the client, else the first line of the first prompt, without credentials';
COMMENT ON COLUMN usage_sessions.title_source IS 'client or prompt; null without a title';

COMMENT ON COLUMN usage_repositories.repository IS 'name of the project, as the configured identities say; else the git remote, or the name that clones of several people share, as */NAME; else the folder of the repository, as far as the path tells';
