/* SPDX-License-Identifier: MIT
 *
 * The same in C.
 */
#include <stdio.h>
#include <string.h>

#include <varve/varve.h>

int main(int argc, char** argv) {
  varve_log* log;
  varve_record record;
  varve_pin* pin;
  uint64_t sequence;
  int good;
  if (argc != 2) return 2;
  if (varve_log_open(argv[1], NULL, &log) != VARVE_OK) return puts(varve_error_message()), 1;
  good = varve_log_append(log, "from C", 6, NULL, &sequence) == VARVE_OK &&
         varve_log_read(log, sequence, &record, &pin) == VARVE_OK && record.bytes == 6 &&
         memcmp(record.data, "from C", 6) == 0;
  if (good) varve_pin_free(pin);
  good = good && varve_log_close(log) == VARVE_OK;
  varve_log_free(log);
  return good ? 0 : 1;
}
