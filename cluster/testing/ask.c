/* Asks by the resolver of the C library that it is linked with. `ask TYPE NAME` prints the data of each answer, a line each:
 * A and AAAA by getaddrinfo(3), with the search path of resolv.conf; PTR of an address by getnameinfo(3); others by res_query(3). */
#include <arpa/inet.h>
#include <arpa/nameser.h>
#include <netdb.h>
#include <netinet/in.h>
#include <resolv.h>
#include <stdio.h>
#include <string.h>

static int addresses(int family, const char *name) {
  struct addrinfo hints = {.ai_family = family, .ai_socktype = SOCK_STREAM}, *list;
  int error = getaddrinfo(name, NULL, &hints, &list);
  if (error) return fprintf(stderr, "%s\n", gai_strerror(error)), 1;
  for (struct addrinfo *each = list; each; each = each->ai_next) {
    char text[INET6_ADDRSTRLEN];
    getnameinfo(each->ai_addr, each->ai_addrlen, text, sizeof text, NULL, 0, NI_NUMERICHOST);
    puts(text);
  }
  return 0;
}

static int back(const char *address) {
  struct addrinfo hints = {.ai_flags = AI_NUMERICHOST, .ai_socktype = SOCK_STREAM}, *list;
  char name[NI_MAXHOST];
  int error = getaddrinfo(address, NULL, &hints, &list);
  if (!error) error = getnameinfo(list->ai_addr, list->ai_addrlen, name, sizeof name, NULL, 0, NI_NAMEREQD);
  if (error) return fprintf(stderr, "%s\n", gai_strerror(error)), 1;
  puts(name);
  return 0;
}

static const struct { const char *name; int type; } types[] = {
  {"CNAME", ns_t_cname}, {"NS", ns_t_ns}, {"SOA", ns_t_soa}, {"SRV", ns_t_srv}, {"TXT", ns_t_txt},
};

static int records(const char *typeName, const char *name) {
  int type = 0;
  for (size_t i = 0; i < sizeof types / sizeof *types; i++)
    if (!strcmp(types[i].name, typeName)) type = types[i].type;
  unsigned char packet[65535];
  int length = res_query(name, ns_c_in, type, packet, sizeof packet);
  ns_msg message;
  if (length < 0 || ns_initparse(packet, length, &message) < 0) return fprintf(stderr, "no answer\n"), 1;
  for (int i = 0; i < ns_msg_count(message, ns_s_an); i++) {
    ns_rr record;
    char target[NS_MAXDNAME] = "";
    if (ns_parserr(&message, ns_s_an, i, &record) < 0 || ns_rr_type(record) != type) continue;
    const unsigned char *data = ns_rr_rdata(record);
    if (type == ns_t_txt) {
      printf("\"%.*s\"\n", data[0], data + 1);
      continue;
    }
    dn_expand(packet, packet + length, data + (type == ns_t_srv ? 6 : 0), target, sizeof target);
    if (type == ns_t_srv) printf("%u %u %u ", ns_get16(data), ns_get16(data + 2), ns_get16(data + 4));
    puts(target);
  }
  return 0;
}

int main(int count, char **argument) {
  if (count != 3) return fprintf(stderr, "usage: ask TYPE NAME\n"), 2;
  if (!strcmp(argument[1], "A")) return addresses(AF_INET, argument[2]);
  if (!strcmp(argument[1], "AAAA")) return addresses(AF_INET6, argument[2]);
  if (!strcmp(argument[1], "PTR")) return back(argument[2]);
  return records(argument[1], argument[2]);
}
