// SPDX-License-Identifier: MIT
#include "writer/append/open_claims.hpp"

namespace varve::core::open_claims {
namespace {

constinit thread_local open_claim* first = nullptr;

}  // namespace

void add(open_claim& c) noexcept {
  c.next = first;
  c.link = &first;
  if (first != nullptr) first->link = &c.next;
  first = &c;
}

void remove(open_claim& c) noexcept {
  *c.link = c.next;
  if (c.next != nullptr) c.next->link = c.link;
}

void replace(open_claim& from, open_claim& to) noexcept {
  to.next = from.next;
  to.link = from.link;
  *to.link = &to;
  if (to.next != nullptr) to.next->link = &to.next;
}

open_claim* oldest(const log_object* of) noexcept {
  open_claim* found = nullptr;
  for (open_claim* c = first; c != nullptr; c = c->next)
    if (c->log == of && (found == nullptr || c->sequence < found->sequence)) found = c;
  return found;
}

}  // namespace varve::core::open_claims
