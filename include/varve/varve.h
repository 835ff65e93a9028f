/* SPDX-License-Identifier: MIT
 *
 * varve.h - varve for C, and for whatever can call C. What each call does, costs and promises stands in the C++ headers,
 * under the same name: varve_log_append() is varve::log::append(). Here stands what differs.
 *
 * Conventions
 *   1. A call that can fail returns an int: VARVE_OK (0), an error code (above 0, enum varve_code), or VARVE_NOTHING (-1):
 *      there is nothing now, which is no error (a reader at the end, a wait whose time is over).
 *   2. Results go to the places that the last arguments point to. Where that is said they may be NULL. If the call fails they
 *      are left alone.
 *   3. varve_last_error() and varve_error_message() say more about the last error that this thread got.
 *   4. Handles (varve_log, varve_view, varve_reader, varve_claim, varve_entry, varve_pin, varve_event) are made by a call and
 *      freed by the varve_..._free() of their type, which takes NULL. Other arguments must not be NULL, but for data of 0
 *      bytes.
 *   5. A reader, a pin and an event may outlive the log or the view that they came from; a claim and an entry must not.
 *   6. Structs of options and of results begin with their size, which the caller sets, so that programs that were compiled
 *      against an older varve.h go on working: VARVE_SIZED(varve_log_options, o); sets it and makes everything else 0. 0 always
 *      means the default. One without a size is VARVE_BAD_OPTION.
 *   7. Logs and views may be used by any number of threads at once; a reader, a claim, an entry, a pin and an event by one at a
 *      time, and a claim only by the thread that made it.
 *   8. Text is UTF-8 or whatever the file system takes; it ends with a 0 byte.
 *   9. Nothing is printed, no signal is raised, no C++ exception comes out.
 */
#ifndef VARVE_VARVE_H
#define VARVE_VARVE_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Of this header; varve_version() has the library's. */
#define VARVE_VERSION_MAJOR 0
#define VARVE_VERSION_MINOR 1
#define VARVE_VERSION_PATCH 0

#if defined(__GNUC__)
#define VARVE_CALL __attribute__((visibility("default")))
#else
#define VARVE_CALL
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Errors ----------------------------------------------------------------------------------------------------------- */

enum varve_code {
  VARVE_NOTHING = -1, /* no error: nothing is there now */
  VARVE_OK = 0,
  /* As varve::errc; error.hpp says what to do about each. */
  VARVE_LOCKED = 1,
  VARVE_NOT_FOUND,
  VARVE_NOT_A_LOG,
  VARVE_IS_ARCHIVE,
  VARVE_NEWER_FORMAT,
  VARVE_OLDER_FORMAT,
  VARVE_BAD_OPTION,
  VARVE_UNSUPPORTED_FILE_SYSTEM,
  VARVE_INCOMPLETE,
  VARVE_WOULD_CUT,
  VARVE_NO_SPACE,
  VARVE_TOO_LARGE,
  VARVE_NOT_YET,
  VARVE_PAST_END,
  VARVE_TRIMMED,
  VARVE_TRUNCATED,
  VARVE_ABANDONED,
  VARVE_DAMAGED,
  VARVE_SYNC_FAILED,
  VARVE_IO,
  VARVE_OUT_OF_MEMORY,
  VARVE_WOULD_BLOCK_ITSELF,
  VARVE_TIMED_OUT,
  VARVE_FORKED,
  VARVE_CLOSED,
  VARVE_CANCELLED,
  VARVE_BUG
};

/* Declares a struct, and sets its size, and everything else to 0. */
#define VARVE_SIZED(type, name)     \
  type name;                        \
  memset(&(name), 0, sizeof(name)); \
  (name).size = sizeof(name)

typedef struct varve_error {
  size_t size;
  int code;                               /* enum varve_code */
  int os_errno;                           /* of the system call that failed; 0 if none did */
  uint64_t segment, offset;               /* where; 0 if that says nothing */
  uint64_t first_sequence, last_sequence; /* which; likewise */
  uint64_t limit;                         /* VARVE_TOO_LARGE: how many bytes would have been taken */
  uint64_t process;                       /* VARVE_LOCKED: who has the log, if that is known */
  const char* path;                       /* the file, directory or option concerned, or ""; stays as long as the program */
  size_t path_bytes;
  uint8_t may_have_happened; /* not 0: what was asked for may have taken effect all the same */
  uint8_t reserved[7];
} varve_error;

/* The last error that a call gave to this thread. VARVE_OK if there was none. Fills `error`, which may be NULL. */
VARVE_CALL int varve_last_error(varve_error* error);
/* One sentence about it, with what to do. Stays until the next call of this thread into varve. */
VARVE_CALL const char* varve_error_message(void);
/* "no_space"; "ok", "nothing"; "?" for what is no code. Stays. */
VARVE_CALL const char* varve_code_name(int code);
/* "0.1.0" */
VARVE_CALL const char* varve_version(void);

/* ---- Options ---------------------------------------------------------------------------------------------------------- */

enum varve_checksum { VARVE_CHECKSUM_DEFAULT, VARVE_XXH3 = 1, VARVE_CRC32C, VARVE_CRC32, VARVE_CRC64, VARVE_CHECKSUM_NONE };

enum varve_durability_kind {
  VARVE_DURABILITY_DEFAULT, /* of an append: the log's; of a log: VARVE_NOT_SYNCED */
  VARVE_NOT_SYNCED,
  VARVE_IMMEDIATE,
  VARVE_GROUPED, /* window_us; 0 is VARVE_IMMEDIATE */
  VARVE_PERIODIC /* interval_ms, at least 1, which 0 is taken for; after_records and after_bytes sync earlier, 0: never */
};

typedef struct varve_durability {
  uint32_t kind; /* enum varve_durability_kind */
  uint32_t reserved;
  uint64_t window_us;
  uint64_t interval_ms, after_records, after_bytes;
} varve_durability;

typedef struct varve_retention_rules {
  size_t size;
  uint64_t max_bytes, max_segments, max_age_seconds; /* 0: no limit */
  uint64_t keep_records;
  uint64_t readers_max_bytes, readers_max_age_seconds;
  uint8_t keep_for_readers;
  uint8_t reserved[7];
} varve_retention_rules;

enum varve_when_full { VARVE_REFUSE, VARVE_DROP_OLDEST, VARVE_WAIT };

#define VARVE_NO_SPARES UINT32_MAX
#define VARVE_ALL_PROCESSORS UINT32_MAX
#define VARVE_ON_REQUEST UINT64_MAX
#define VARVE_NEVER UINT64_MAX

typedef struct varve_reader varve_reader;
struct varve_record;

typedef struct varve_sealed_segment {
  size_t size;
  uint64_t number, first_sequence, end_sequence, used_bytes;
  const char* directory; /* of the log; until the function returns, likewise the next one */
  const char* path;
} varve_sealed_segment;

typedef struct varve_recovered_segment {
  size_t size;
  uint64_t number, first_sequence, end_sequence; /* those behind the checkpoint */
  const char* version_info;                      /* until the function returns */
  size_t version_info_bytes;
} varve_recovered_segment;

enum varve_record_times { VARVE_TIMES_DEFAULT, VARVE_WITH_TIMES, VARVE_WITHOUT_TIMES };

typedef struct varve_log_options {
  size_t size;
  uint64_t segment_bytes;
  uint32_t checksum; /* enum varve_checksum */
  uint32_t index_stride_bytes;
  varve_durability durability;
  const char* version_info; /* NULL or up to version_info_bytes of anything */
  size_t version_info_bytes;
  uint32_t prepared_segments;
  uint32_t file_mode;
  uint64_t warm_bytes;
  uint8_t strict_recovery; /* not 0: VARVE_WOULD_CUT instead of cutting a torn end */
  uint8_t must_exist;      /* not 0: VARVE_NOT_FOUND instead of making a log */
  uint8_t allow_any_file_system;
  uint8_t unverified_reads; /* not 0: readers do not check payloads */
  uint8_t verify_at_open;   /* not 0: every byte of every segment is checked */
  uint8_t record_times;     /* enum varve_record_times; fixed when the log is made */
  uint8_t accept_loss;      /* not 0: go on without records that are missing or damaged; whatever strict_recovery is */
  uint8_t reserved[1];
  /* NULL, or called while an unclean log is scanned. */
  void (*on_progress)(void* user, uint64_t bytes_done, uint64_t bytes_total);
  void* user;
  uint32_t spare_segments; /* 0: the default; VARVE_NO_SPARES */
  uint32_t when_full;      /* enum varve_when_full */
  uint64_t max_disk_bytes;
  const varve_retention_rules* retention; /* NULL: nothing goes by itself */
  uint32_t recovery_threads;              /* 0: one; VARVE_ALL_PROCESSORS */
  uint32_t reserved_too;
  /* Functions of yours, each may be NULL; they are called with `user`. What they may do, and from which thread they are
   * called, is in varve/checkpoint.hpp, varve/archive.hpp and varve/recovery.hpp. What they answer: not 0 is yes. */
  uint64_t checkpoint_after_bytes; /* 0: the default; VARVE_ON_REQUEST */
  /* Records from `first` to `last`, and behind. The reader is lent: it must not be freed, nor kept. */
  int (*save)(void* user, varve_reader* records, uint64_t first, uint64_t last);
  int (*segment_sealed)(void* user, const varve_sealed_segment* segment);
  void (*segment_dropping)(void* user, const varve_sealed_segment* segment);
  int (*recover_segment)(void* user, const varve_recovered_segment* segment); /* no: its records are skipped */
  int (*recover_record)(void* user, const struct varve_record* record);       /* no: VARVE_CANCELLED */
  uint64_t mark_interval_ms;                                                  /* 0: the default; VARVE_NEVER */
} varve_log_options;

typedef struct varve_append_options {
  size_t size;
  varve_durability durability;
  uint16_t type; /* the user's own, kept with the record */
  uint8_t reserved[6];
  int64_t time_ns; /* since 1970, of the record; up to 0: the moment of the append. A log without times ignores it */
} varve_append_options;

typedef struct varve_view_options {
  size_t size;
  uint8_t unverified_reads;
  uint8_t reserved[7];
} varve_view_options;

/* ---- Records ---------------------------------------------------------------------------------------------------------- */

typedef struct varve_bytes {
  const void* data;
  size_t bytes;
} varve_bytes;

/* A record in the mapped segment, without a copy. */
typedef struct varve_record {
  const void* data;
  size_t bytes;
  uint64_t sequence;
  uint32_t epoch;
  uint16_t type;
  uint8_t batch_goes_on; /* the next record belongs to the same batch, or entry */
  uint8_t is_chunk;      /* of an entry */
  int64_t time_ns;       /* since 1970, when it was appended; 0 if the log stores no times */
} varve_record;

typedef struct varve_log varve_log;
typedef struct varve_view varve_view;
typedef struct varve_claim varve_claim;
typedef struct varve_entry varve_entry;
typedef struct varve_pin varve_pin; /* keeps a record's bytes where they are */
typedef struct varve_event varve_event;

/* ---- Log -------------------------------------------------------------------------------------------------------------- */

/* `options` may be NULL. */
VARVE_CALL int varve_log_open(const char* directory, const varve_log_options* options, varve_log** log);
VARVE_CALL int varve_log_close(varve_log* log);
/* Closes it first, if that was not done; then the answer is lost. */
VARVE_CALL void varve_log_free(varve_log* log);

/* `options` and `sequence` may be NULL, here and below. */
VARVE_CALL int varve_log_append(varve_log* log, const void* data, size_t bytes, const varve_append_options* options,
                                uint64_t* sequence);
VARVE_CALL int varve_log_append_pieces(varve_log* log, const varve_bytes* pieces, size_t count,
                                       const varve_append_options* options, uint64_t* sequence);
/* The sequences of a batch are neighbours: `first` and those behind it. */
VARVE_CALL int varve_log_append_batch(varve_log* log, const varve_bytes* payloads, size_t count,
                                      const varve_append_options* options, uint64_t* first);

/* An entry of several chunks, which are published together, or given up. `options` are those of its publication. What is more
 * than a segment of the log takes is written to a file, not kept in memory. */
VARVE_CALL int varve_log_begin_entry(varve_log* log, const varve_append_options* options, varve_entry** entry);
VARVE_CALL int varve_entry_write_chunk(varve_entry* entry, const void* data, size_t bytes);
VARVE_CALL uint64_t varve_entry_chunks(const varve_entry* entry);
VARVE_CALL uint64_t varve_entry_bytes(const varve_entry* entry);
/* The chunks become records: `first`, which may be NULL, and those behind it. The entry must be freed all the same. */
VARVE_CALL int varve_entry_publish(varve_entry* entry, uint64_t* first);
VARVE_CALL void varve_entry_roll_back(varve_entry* entry);
/* Gives it up, if it was not published. */
VARVE_CALL void varve_entry_free(varve_entry* entry);

/* Space for a record of `bytes`, to be filled at `data`. */
VARVE_CALL int varve_log_claim(varve_log* log, size_t bytes, const varve_append_options* options, varve_claim** claim,
                               void** data);
/* The first `bytes` of it become a record. The claim must be freed all the same. */
VARVE_CALL int varve_claim_publish(varve_claim* claim, size_t bytes, uint64_t* sequence);
VARVE_CALL uint64_t varve_claim_sequence(const varve_claim* claim);
/* Gives it up, if it was not published. */
VARVE_CALL void varve_claim_free(varve_claim* claim);

/* Times to wait are in nanoseconds; below 0: without an end. */
VARVE_CALL int varve_log_sync(varve_log* log, uint64_t* durable);
VARVE_CALL int varve_log_sync_to(varve_log* log, uint64_t target, int64_t timeout_ns);
/* VARVE_NOTHING: not by then. */
VARVE_CALL int varve_log_wait_durable(varve_log* log, uint64_t target, int64_t timeout_ns);
/* `descriptor`, for poll(): becomes readable when the mark has reached `target`. It stays the event's. */
VARVE_CALL int varve_log_durable_event(varve_log* log, uint64_t target, varve_event** event, int* descriptor);
VARVE_CALL int varve_log_published_event(varve_log* log, uint64_t target, varve_event** event, int* descriptor);
VARVE_CALL void varve_event_free(varve_event* event);

/* Has a checkpoint made, and waits for it. `position`, which may be NULL: everything up to it was saved. */
VARVE_CALL int varve_log_checkpoint(varve_log* log, uint64_t* position);
VARVE_CALL uint64_t varve_log_checkpointed_sequence(const varve_log* log);
VARVE_CALL uint64_t varve_log_archived_sequence(const varve_log* log);

/* Drops every record before `target`, which becomes the first sequence. */
VARVE_CALL int varve_log_trim_before(varve_log* log, uint64_t target);
/* Drops every record behind `last`, which becomes the newest one; the next append gets `last` + 1. */
VARVE_CALL int varve_log_truncate_after(varve_log* log, uint64_t last);
/* Drops all records, and goes on with the sequence `next`. */
VARVE_CALL int varve_log_reset(varve_log* log, uint64_t next);

enum varve_retention_reason {
  VARVE_WITHIN_LIMITS, /* stays */
  VARVE_NOT_SEALED,
  VARVE_KEPT_RECORDS,
  VARVE_KEPT_FOR_READER,
  VARVE_NOT_CHECKPOINTED,
  VARVE_NOT_ARCHIVED,
  VARVE_BEHIND_KEPT,
  VARVE_OVER_BYTES, /* goes, from here on */
  VARVE_OVER_SEGMENTS,
  VARVE_OVER_AGE,
  VARVE_CHECKPOINTED
};
typedef struct varve_retention_verdict {
  size_t size;
  uint64_t segment, first_sequence, end_sequence, bytes;
  uint32_t reason; /* enum varve_retention_reason */
  uint8_t goes;
  uint8_t reserved[3];
  const char* text; /* of the reason; stays as long as the program */
  size_t text_bytes;
} varve_retention_verdict;
/* Called for each segment, the oldest first, before the call that it was given to returns. May be NULL. */
typedef void (*varve_on_verdict)(void* user, const varve_retention_verdict* verdict);
/* What would go; what went. */
VARVE_CALL int varve_log_plan_retention(const varve_log* log, const varve_retention_rules* rules,
                                        varve_on_verdict on_verdict, void* user);
VARVE_CALL int varve_log_retain(varve_log* log, const varve_retention_rules* rules, varve_on_verdict on_verdict, void* user);

/* By number, without a copy: valid until the pin is freed. */
VARVE_CALL int varve_log_read(const varve_log* log, uint64_t sequence, varve_record* record, varve_pin** pin);
/* By number, up to `capacity` bytes of it copied to `buffer`; record->data is `buffer`, record->bytes the record's size, which
 * may be more than was copied. Allocates nothing while the record's segment is mapped. */
VARVE_CALL int varve_log_read_copy(const varve_log* log, uint64_t sequence, void* buffer, size_t capacity,
                                   varve_record* record);
VARVE_CALL void varve_pin_free(varve_pin* pin);

/* The first record that was appended at that time, in nanoseconds since 1970, or later; if there is none, the sequence that
 * comes next. VARVE_BAD_OPTION: the log stores no times. */
VARVE_CALL int varve_log_find_time(const varve_log* log, int64_t time_ns, uint64_t* sequence);

VARVE_CALL uint64_t varve_log_first_sequence(const varve_log* log);
VARVE_CALL uint64_t varve_log_published_sequence(const varve_log* log);
VARVE_CALL uint64_t varve_log_durable_sequence(const varve_log* log);
VARVE_CALL uint64_t varve_log_record_bytes_max(const varve_log* log);

typedef struct varve_statistics {
  size_t size;
  uint64_t first, durable, published, claimed;
  uint64_t oldest_unfinished;
  uint64_t segments, prepared, warm_bytes;
  uint64_t bytes_used, bytes_allocated;
  uint64_t syncs, rolls, waits;
  uint64_t spare, recycled;
  uint64_t mark_syncs;
} varve_statistics;
VARVE_CALL int varve_log_stats(const varve_log* log, varve_statistics* statistics);

/* The first failure to make something durable; VARVE_OK while there is none. varve_last_error() has it. */
VARVE_CALL int varve_log_failure(const varve_log* log);
/* Why the durable mark could not be brought to the disk the last time; VARVE_OK once it was. Likewise. */
VARVE_CALL int varve_log_mark_failure(const varve_log* log);

/* ---- What an open or a verification found ------------------------------------------------------------------------------ */

enum varve_finding_kind { VARVE_FINDING_DAMAGE, VARVE_FINDING_CUT, VARVE_FINDING_STEPPED_OVER };

typedef struct varve_finding {
  size_t size;
  uint32_t kind; /* enum varve_finding_kind */
  char row;      /* of the decision table in docs/design.md */
  uint8_t reserved[3];
  uint64_t segment, offset;
  uint64_t first_sequence, end_sequence;
  const char* cause; /* stays as long as the program */
  size_t cause_bytes;
} varve_finding;

/* Called for each finding, before the call that it was given to returns. */
typedef void (*varve_on_finding)(void* user, const varve_finding* finding);

typedef struct varve_report {
  size_t size;
  uint64_t kept, cut_bytes, cut_records, stepped_over, indexes_rebuilt;
  uint64_t findings;
  uint8_t clean;
  uint8_t reserved[7];
  uint64_t given_up; /* sequences that accept_loss goes on without */
} varve_report;

/* What open found. `on_finding` may be NULL. */
VARVE_CALL int varve_log_recovery(const varve_log* log, varve_report* report, varve_on_finding on_finding, void* user);
/* Reads all of a log, and changes nothing. Both may be NULL. */
VARVE_CALL int varve_verify(const char* directory, varve_report* report, varve_on_finding on_finding, void* user);

typedef struct varve_verify_options {
  size_t size;
  uint32_t threads;    /* that check segments, up to 64; 0: one; VARVE_ALL_PROCESSORS */
  uint8_t accept_loss; /* not 0: what an open with accept_loss would give up is counted and named */
  uint8_t reserved[3];
  /* NULL, or called now and then, with the `user` of the call. */
  void (*on_progress)(void* user, uint64_t bytes_done, uint64_t bytes_total);
} varve_verify_options;
/* The same; `options` may be NULL. */
VARVE_CALL int varve_verify_with(const char* directory, const varve_verify_options* options, varve_report* report,
                                 varve_on_finding on_finding, void* user);
/* ---- Backup ----------------------------------------------------------------------------------------------------------- */

typedef struct varve_backup_options {
  size_t size;
  uint8_t reflink; /* 1: share the blocks of sealed segments where the file system can */
  uint8_t reserved[3];
  uint32_t file_mode;
  /* Called between blocks of a few megabytes. May be NULL. */
  void (*on_progress)(void* user, uint64_t bytes_done, uint64_t bytes_total);
  void* user;
} varve_backup_options;
typedef struct varve_backup_report {
  size_t size;
  uint64_t first_sequence, end_sequence;
  uint64_t segments, bytes_copied, bytes_shared;
} varve_backup_report;
/* Copies the log in `from`, which may be open, into the new directory `to`. `options` and `report` may be NULL. */
VARVE_CALL int varve_backup(const char* from, const char* to, const varve_backup_options* options,
                            varve_backup_report* report);

/* Makes a log of this version of the format in the new directory `to`, of one of version 1 (varve 0.1), which must be closed or
 * its writer dead. The old one is not changed. VARVE_BAD_OPTION if it is of this version already. `options` and `report` are as
 * those of a backup; `found` says what opening the old log would have found, and `on_finding` is called for each finding. All
 * may be NULL. */
VARVE_CALL int varve_upgrade(const char* from, const char* to, const varve_backup_options* options,
                             varve_backup_report* report, varve_report* found, varve_on_finding on_finding, void* user);

/* Makes the index of every segment again. `segments`: of how many; may be NULL. VARVE_WOULD_CUT, and nothing was changed: the
 * log has a torn end; open it first. */
VARVE_CALL int varve_rebuild_indexes(const char* directory, uint64_t* segments);

typedef struct varve_salvage_report {
  size_t size;
  uint64_t first_sequence, end_sequence;
  uint64_t records, missing, gaps;
  uint64_t abandoned;  /* sequences without a record */
  uint64_t unfinished; /* sequences in gaps that a process which died left unfinished */
  uint64_t removed;    /* records that are still there though they were trimmed, truncated or cut */
  uint64_t superseded; /* likewise, of a sequence that another record has */
  uint64_t damaged_headers;
  uint8_t trim_point_known; /* 0: what comes first, or is missing first, may have been trimmed */
  uint8_t reserved[7];
} varve_salvage_report;
/* What can still be read of a damaged log. Both calls return 0 to go on, anything else for VARVE_CANCELLED; each may be NULL,
 * and so may `report`. The record is valid during the call. */
VARVE_CALL int varve_salvage(const char* directory, int (*on_record)(void* user, const varve_record* record),
                             int (*on_gap)(void* user, const varve_finding* gap), varve_salvage_report* report, void* user);

typedef struct varve_salvage_options {
  size_t size;
  const char* const* from; /* segment files, and directories of such, that are read as well */
  size_t from_count;
  /* After all others, each record that a decision removed and that is still there. May be NULL. */
  int (*on_removed)(void* user, const varve_record* record);
} varve_salvage_options;
/* The same; `options` may be NULL, and `directory` if options->from_count is not 0. */
VARVE_CALL int varve_salvage_with(const char* directory, const varve_salvage_options* options,
                                  int (*on_record)(void* user, const varve_record* record),
                                  int (*on_gap)(void* user, const varve_finding* gap), varve_salvage_report* report,
                                  void* user);

/* ---- Reading in order ------------------------------------------------------------------------------------------------- */

/* `from`: 0 is the first that is there. */
VARVE_CALL int varve_log_reader(const varve_log* log, uint64_t from, varve_reader** reader);
/* VARVE_NOTHING: at the end for now. The record stays until the reader is moved by this call or by
 * varve_reader_seek(), or is freed. */
VARVE_CALL int varve_reader_next(varve_reader* reader, varve_record* record);
/* Keeps the record that varve_reader_next() gave last. VARVE_NOTHING: it gave none. */
VARVE_CALL int varve_reader_pin(const varve_reader* reader, varve_pin** pin);
VARVE_CALL int varve_reader_seek(varve_reader* reader, uint64_t target);
/* To what varve_log_find_time() would say. */
VARVE_CALL int varve_reader_seek_time(varve_reader* reader, int64_t time_ns);
/* Waits until there is a next record; VARVE_NOTHING: not by then. */
VARVE_CALL int varve_reader_wait(varve_reader* reader, int64_t timeout_ns);
VARVE_CALL uint64_t varve_reader_position(const varve_reader* reader);
VARVE_CALL void varve_reader_free(varve_reader* reader);

/* ---- View: a log that another process may be writing -------------------------------------------------------------------- */

VARVE_CALL int varve_view_open(const char* directory, const varve_view_options* options, varve_view** view);
VARVE_CALL void varve_view_free(varve_view* view);
VARVE_CALL int varve_view_read(const varve_view* view, uint64_t sequence, varve_record* record, varve_pin** pin);
VARVE_CALL int varve_view_read_copy(const varve_view* view, uint64_t sequence, void* buffer, size_t capacity,
                                    varve_record* record);
VARVE_CALL int varve_view_find_time(const varve_view* view, int64_t time_ns, uint64_t* sequence);
VARVE_CALL int varve_view_reader(const varve_view* view, uint64_t from, varve_reader** reader);
VARVE_CALL uint64_t varve_view_first_sequence(const varve_view* view);
VARVE_CALL uint64_t varve_view_published_sequence(const varve_view* view);
VARVE_CALL uint64_t varve_view_durable_sequence(const varve_view* view);
VARVE_CALL int varve_view_stats(const varve_view* view, varve_statistics* statistics);

enum varve_ending { VARVE_ENDING_UNKNOWN, VARVE_ENDING_CLOSED, VARVE_ENDING_DEATH, VARVE_ENDING_POWER_LOSS };
enum varve_activity { VARVE_NOBODY, VARVE_RECOVERING, VARVE_APPENDING };

typedef struct varve_opening {
  uint32_t found; /* enum varve_ending */
  uint32_t reserved;
  uint64_t kept, cut_bytes, cut_records, stepped_over;
  uint64_t cut_first, cut_end; /* of next_open: from the first sequence that would go to after the last; 0: none */
  uint64_t later[2];           /* 0: for what a later version has to say */
} varve_opening;

typedef struct varve_description {
  size_t size;
  uint64_t first, durable, published;
  uint32_t epoch;
  uint32_t checksum; /* enum varve_checksum */
  uint64_t segment_bytes;
  uint32_t index_stride_bytes;
  uint32_t writer;  /* enum varve_activity */
  uint64_t process; /* 0 if it is not known */
  uint64_t prepared, active, ended, sealed, damaged;
  uint64_t bytes_used, bytes_allocated;
  uint64_t unfinished_sequence; /* 0: no claim is known to hold up publication; else also the next three */
  uint64_t unfinished_segment, unfinished_offset, finished_behind;
  varve_opening last_open, next_open; /* the second only if has_next_open */
  uint8_t has_next_open, refuses;
  uint8_t record_times; /* not 0: each record has one */
  uint8_t would_cut;    /* not 0: next_open would cut; with strict_recovery it refuses */
  uint8_t reserved[4];
  uint64_t dropped; /* segments */
  uint64_t checkpointed, archived;
} varve_description;
VARVE_CALL int varve_view_describe(const varve_view* view, varve_description* description);

enum varve_segment_state {
  VARVE_SEGMENT_PREPARED,
  VARVE_SEGMENT_ACTIVE,
  VARVE_SEGMENT_ENDED,
  VARVE_SEGMENT_SEALED,
  VARVE_SEGMENT_DAMAGED,
  VARVE_SEGMENT_DROPPED
};

typedef struct varve_segment {
  size_t size;
  uint64_t number, file_bytes, used_bytes;
  uint64_t first_sequence, end_sequence;
  uint32_t state; /* enum varve_segment_state */
  uint32_t reserved;
  const char* version_info; /* until the callback returns */
  size_t version_info_bytes;
} varve_segment;
/* Calls `on_segment` for each segment file, before it returns. */
typedef struct varve_pin_holder {
  size_t size;
  uint64_t segment, process; /* process: 0 if it cannot be known from here */
} varve_pin_holder;
/* Who reads a segment, and so holds its file: in the order of the segments. */
VARVE_CALL int varve_view_pins(const varve_view* view, void (*on_pin)(void* user, const varve_pin_holder* pin), void* user);
VARVE_CALL int varve_view_segments(const varve_view* view, void (*on_segment)(void* user, const varve_segment* segment),
                                   void* user);
/* What varve_log_retain() would do; of a log that nobody writes, after the next open. */
VARVE_CALL int varve_view_plan_retention(const varve_view* view, const varve_retention_rules* rules,
                                         varve_on_verdict on_verdict, void* user);

#ifdef __cplusplus
}
#endif

#endif
