-- What each public table, view and column is, for whoever meets them in another tool.

COMMENT ON TABLE schema_migrations IS 'migrations that were done';

COMMENT ON COLUMN forgotten_users.username IS 'person whose transcripts are not read';
COMMENT ON COLUMN forgotten_users.forgotten_at IS 'UTC';

COMMENT ON COLUMN knowledge_items.domain IS 'finance, engineering, product, data, operations or infrastructure';
COMMENT ON COLUMN knowledge_items.title IS 'of its canonical claim, 60 characters at most';
COMMENT ON COLUMN knowledge_items.content IS 'the fact, in the words of its canonical claim';
COMMENT ON COLUMN knowledge_items.confirmations IS 'pieces of evidence that confirm it';
COMMENT ON COLUMN knowledge_items.definitions IS 'pieces of evidence that define it';
COMMENT ON COLUMN knowledge_items.first_verified IS 'time of the oldest evidence';
COMMENT ON COLUMN knowledge_items.reviewed_at IS 'time of the last decision; null if there is none';
COMMENT ON COLUMN knowledge_items.evidence IS 'pieces of evidence';

COMMENT ON COLUMN knowledge_relations.domain IS 'that both items are of';
COMMENT ON COLUMN knowledge_relations.from_item IS 'item_id';
COMMENT ON COLUMN knowledge_relations.to_item IS 'item_id';
COMMENT ON COLUMN knowledge_relations.shared_entities IS 'entities that both name';

COMMENT ON COLUMN knowledge_reviews.review_id IS 'decisions are applied in this order';
COMMENT ON COLUMN knowledge_reviews.other_id IS 'item that a merge or split names; else null';
COMMENT ON COLUMN knowledge_reviews.reviewer IS 'who decided';
COMMENT ON COLUMN knowledge_reviews.reviewed_at IS 'UTC';

COMMENT ON COLUMN processor_pauses.processor_name IS 'processor that pauses';
COMMENT ON COLUMN processor_pauses.paused_until IS 'UTC';
COMMENT ON COLUMN processor_pauses.reason IS 'what its server said';

COMMENT ON COLUMN processor_run_errors.run_id IS 'of processor_runs';
COMMENT ON COLUMN processor_run_errors.processor_name IS 'of processor_runs';
COMMENT ON COLUMN processor_run_errors.session_file IS '<user>/<path below the user>';
COMMENT ON COLUMN processor_run_errors.class IS 'what happens next: changed, environment, transient, permanent, panic or crash';
COMMENT ON COLUMN processor_run_errors.error IS 'in words';

COMMENT ON COLUMN processor_runs.run_id IS 'one per run; its processors share it';
COMMENT ON COLUMN processor_runs.processor_name IS 'usage, verification';
COMMENT ON COLUMN processor_runs.started_at IS 'UTC';
COMMENT ON COLUMN processor_runs.ended_at IS 'UTC; null while it runs';
COMMENT ON COLUMN processor_runs.files IS 'transcripts that the walk found: unchanged + scanned';
COMMENT ON COLUMN processor_runs.unchanged IS 'proven unchanged by size, times and inode';
COMMENT ON COLUMN processor_runs.scanned IS 'processed + skipped + deferred + rejected + errors';
COMMENT ON COLUMN processor_runs.processed IS 'files whose facts were made anew';
COMMENT ON COLUMN processor_runs.skipped IS 'proven unchanged by their hash';
COMMENT ON COLUMN processor_runs.touched IS 'the part of skipped whose size, times or inode had changed';
COMMENT ON COLUMN processor_runs.deferred IS 'left for the next run';
COMMENT ON COLUMN processor_runs.rejected IS 'not taken: links, files over a cap, files of people who are excluded';
COMMENT ON COLUMN processor_runs.errors IS 'files that failed';
COMMENT ON COLUMN processor_runs.items_extracted IS 'facts of the processed files';
COMMENT ON COLUMN processor_runs.malformed_lines IS 'in the processed files';
COMMENT ON COLUMN processor_runs.bytes_read IS 'of files that were read to their end';
COMMENT ON COLUMN processor_runs.elapsed_ms IS 'milliseconds';

COMMENT ON COLUMN schema_migrations.version IS 'number of the migration';
COMMENT ON COLUMN schema_migrations.name IS 'of the migration';
COMMENT ON COLUMN schema_migrations.applied_at IS 'UTC';

COMMENT ON COLUMN session_failures.processor_name IS 'processor that failed';
COMMENT ON COLUMN session_failures.session_file IS '<user>/<path below the user>';
COMMENT ON COLUMN session_failures.username IS 'whose transcript it is';
COMMENT ON COLUMN session_failures.source IS 'of sources';
COMMENT ON COLUMN session_failures.class IS 'what happens next: changed, environment, transient, permanent, panic, crash or rejected';
COMMENT ON COLUMN session_failures.message IS 'what went wrong, without a word of the transcript';
COMMENT ON COLUMN session_failures.first_failed_at IS 'UTC';
COMMENT ON COLUMN session_failures.last_failed_at IS 'UTC';
COMMENT ON COLUMN session_failures.next_try_at IS 'UTC';
COMMENT ON COLUMN session_failures.processor_version IS 'version that failed';
COMMENT ON COLUMN session_failures.size IS 'bytes of the file that it failed on';
COMMENT ON COLUMN session_failures.mtime_ns IS 'nanoseconds since 1970';
COMMENT ON COLUMN session_failures.ctime_ns IS 'nanoseconds since 1970';
COMMENT ON COLUMN session_failures.inode IS 'of the file that it failed on';

COMMENT ON COLUMN session_files.session_file IS '<user>/<path below the user>';
COMMENT ON COLUMN session_files.username IS 'whose transcript it is';
COMMENT ON COLUMN session_files.source IS 'of sources';
COMMENT ON COLUMN session_files.size IS 'bytes';
COMMENT ON COLUMN session_files.inode IS 'number of the file in its file system';
COMMENT ON COLUMN session_files.file_hash IS 'MD5 of the bytes';
COMMENT ON COLUMN session_files.dialect IS 'format of the log: claude-code, codex, document or other';
COMMENT ON COLUMN session_files.lines IS 'blank and malformed ones included';
COMMENT ON COLUMN session_files.malformed_lines IS 'lines that are no JSON object, or too long';
COMMENT ON COLUMN session_files.first_seen IS 'start of the run that first saw the file, UTC';
COMMENT ON COLUMN session_files.first_look_boot IS 'id of the boot that first_look_ns counts from';

COMMENT ON COLUMN session_processor_state.processor_name IS 'usage, verification';
COMMENT ON COLUMN session_processor_state.username IS 'whose transcript it is';
COMMENT ON COLUMN session_processor_state.run_id IS 'of processor_runs';

COMMENT ON COLUMN session_unknown_lines.session_file IS '<user>/<path below the user>';
COMMENT ON COLUMN session_unknown_lines.kind IS 'type of the record';
COMMENT ON COLUMN session_unknown_lines.lines IS 'how many';

COMMENT ON COLUMN session_waits.processor_name IS 'processor that waits';
COMMENT ON COLUMN session_waits.session_file IS '<user>/<path below the user>';

COMMENT ON COLUMN sources.name IS 'of the source';
COMMENT ON COLUMN sources.root IS 'absolute path';
COMMENT ON COLUMN sources.layout IS 'users, claude-projects or codex-sessions';

COMMENT ON COLUMN usage_responses.part IS '0 for the response itself, from 1 on for calls of advisor models';
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

COMMENT ON COLUMN usage_sessions.session_file IS '<user>/<path below the user>';
COMMENT ON COLUMN usage_sessions.username IS 'whose transcript it is';
COMMENT ON COLUMN usage_sessions.session_id IS 'of the transcript; its name where it gives none';
COMMENT ON COLUMN usage_sessions.started IS 'time of the first record, UTC';
COMMENT ON COLUMN usage_sessions.ended IS 'time of the last record, UTC';
COMMENT ON COLUMN usage_sessions.mcp_calls IS 'part of tool_calls';
COMMENT ON COLUMN usage_sessions.subagent_calls IS 'part of tool_calls';
COMMENT ON COLUMN usage_sessions.slash_commands IS 'that a person gave';
COMMENT ON COLUMN usage_sessions.mcp_errors IS 'part of tool_errors';
COMMENT ON COLUMN usage_sessions.subagent_errors IS 'part of tool_errors';
COMMENT ON COLUMN usage_sessions.api_errors IS 'calls of the model that failed';
COMMENT ON COLUMN usage_sessions.distinct_tools IS 'different tools that were called';
COMMENT ON COLUMN usage_sessions.distinct_skills IS 'different skills that were called';
COMMENT ON COLUMN usage_sessions.input_tokens IS 'as in usage_responses';
COMMENT ON COLUMN usage_sessions.output_tokens IS 'as in usage_responses';
COMMENT ON COLUMN usage_sessions.cache_creation_input_tokens IS 'as in usage_responses';
COMMENT ON COLUMN usage_sessions.cache_creation_1h_input_tokens IS 'as in usage_responses';
COMMENT ON COLUMN usage_sessions.cache_read_input_tokens IS 'as in usage_responses';
COMMENT ON COLUMN usage_sessions.malformed_lines IS 'lines that are no JSON object, or too long';
COMMENT ON COLUMN usage_sessions.client_version IS 'of the agent, the last one';

COMMENT ON COLUMN usage_tool_events.event_id IS 'id of the call, or uuid of the record of a slash command';
COMMENT ON COLUMN usage_tool_events.session_file IS 'source file of the earliest copy';
COMMENT ON COLUMN usage_tool_events.username IS 'whose transcript it is';
COMMENT ON COLUMN usage_tool_events.line IS 'of session_file';
COMMENT ON COLUMN usage_tool_events.time IS 'UTC';
COMMENT ON COLUMN usage_tool_events.session_id IS 'session id of the transcript';
COMMENT ON COLUMN usage_tool_events.project IS 'working directory';
COMMENT ON COLUMN usage_tool_events.message_id IS 'response that makes the call';
COMMENT ON COLUMN usage_tool_events.side_chain IS 'made in a subagent''s conversation';
COMMENT ON COLUMN usage_tool_events.tool IS 'name of the tool';
COMMENT ON COLUMN usage_tool_events.skill IS 'name of the skill that was called';
COMMENT ON COLUMN usage_tool_events.subagent_type IS 'type of the subagent that was called';
COMMENT ON COLUMN usage_tool_events.command IS 'name of the slash command';
COMMENT ON COLUMN usage_tool_events.mcp_server IS 'server of an MCP call';
COMMENT ON COLUMN usage_tool_events.mcp_tool IS 'tool of that server';

COMMENT ON COLUMN verification_claims.session_file IS '<user>/<path below the user>';
COMMENT ON COLUMN verification_claims.username IS 'who said it';
COMMENT ON COLUMN verification_claims.title IS '60 characters at most';
COMMENT ON COLUMN verification_claims.session_id IS 'session id of the transcript';

COMMENT ON COLUMN verification_evidence.domain IS 'of the item';
COMMENT ON COLUMN verification_evidence.item_id IS 'of knowledge_items';
COMMENT ON COLUMN verification_evidence.claim_id IS 'of verification_claims';
COMMENT ON COLUMN verification_evidence.detection_type IS 'correction, confirmation or unprompted_definition';
COMMENT ON COLUMN verification_evidence.username IS 'who said it';
COMMENT ON COLUMN verification_evidence.session_file IS '<user>/<path below the user>';
COMMENT ON COLUMN verification_evidence.line IS 'of session_file';
COMMENT ON COLUMN verification_evidence.time IS 'UTC';
COMMENT ON COLUMN verification_evidence.session_id IS 'session id of the transcript';

COMMENT ON COLUMN usage_subagents.session_id IS 'session that the subagent works for';
COMMENT ON COLUMN usage_subagents.subagent_id IS 'as in usage_responses';
COMMENT ON COLUMN usage_subagents.subagent_type IS 'type that the call names';
COMMENT ON COLUMN usage_subagents.started_at IS 'time of the call, UTC';
