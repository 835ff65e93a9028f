/* SPDX-License-Identifier: MIT
 *
 * event_store_c DIRECTORY append TYPE TEXT    appends an event, and prints its number
 * event_store_c DIRECTORY follow [COUNT]      prints events as they come, the old ones first, until COUNT are printed
 *
 * event_store.cpp in C; both may work on the same directory.
 */
#define _POSIX_C_SOURCE 200809L

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <varve/varve.h>

static int failed(void) {
  fprintf(stderr, "event_store_c: %s\n", varve_error_message());
  return 1;
}

static int append(const char* directory, uint16_t type, const char* text) {
  varve_log* log;
  uint64_t sequence;
  int code;
  VARVE_SIZED(varve_append_options, options);
  options.type = type;
  options.durability.kind = VARVE_IMMEDIATE;
  if (varve_log_open(directory, NULL, &log) != VARVE_OK) return failed();
  code = varve_log_append(log, text, strlen(text), &options, &sequence);
  if (code == VARVE_OK) {
    printf("%" PRIu64 "\n", sequence);
    code = varve_log_close(log);
  }
  if (code != VARVE_OK) failed();
  varve_log_free(log);
  return code == VARVE_OK ? 0 : 1;
}

static int follow(const char* directory, unsigned long count) {
  const int64_t ten_seconds = INT64_C(10000000000);
  const struct timespec a_moment = {0, 100000000};
  varve_view* view;
  varve_reader* reader = NULL;
  varve_record event;
  int code;
  while ((code = varve_view_open(directory, NULL, &view)) == VARVE_NOT_FOUND) nanosleep(&a_moment, NULL);
  if (code != VARVE_OK) return failed();
  code = varve_view_reader(view, 0, &reader);
  while (code >= VARVE_NOTHING && code <= VARVE_OK && count > 0) {
    code = varve_reader_wait(reader, ten_seconds);
    if (code != VARVE_OK) continue; /* nothing yet, or an error, which ends the loop */
    code = varve_reader_next(reader, &event);
    if (code != VARVE_OK) continue;
    printf("%" PRIu64 " %u %.*s\n", event.sequence, (unsigned)event.type, (int)event.bytes, (const char*)event.data);
    fflush(stdout);
    --count;
  }
  if (code > VARVE_OK) failed();
  varve_reader_free(reader);
  varve_view_free(view);
  return code > VARVE_OK ? 1 : 0;
}

int main(int argc, char** argv) {
  if (argc == 5 && strcmp(argv[2], "append") == 0) return append(argv[1], (uint16_t)atoi(argv[3]), argv[4]);
  if ((argc == 3 || argc == 4) && strcmp(argv[2], "follow") == 0)
    return follow(argv[1], argc == 4 ? strtoul(argv[3], NULL, 10) : (unsigned long)-1);
  fputs("usage: event_store_c DIRECTORY append TYPE TEXT | follow [COUNT]\n", stderr);
  return 2;
}
