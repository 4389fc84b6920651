/* The blocks of `gradients.py` with the same formulas and names, one image at a time.

   An image's matrices (patches x hidden) stay in the processor's first caches from the first product
   to the last. This saves time: torch writes each of some forty results to memory and reads it again.
   Products are written for vectors of the machine's width, a few rows at a time.

   Matrices are row-major floats, and their rows are whole vectors: `pad` is the number of patches,
   `size` that of a head's features and `mlp` that of the MLP's, each rounded up. */

#include <math.h>
#include <string.h>

#if defined(__AVX512F__)
#define LANES 16
#define ROWS 6
#define WIDE 4
#elif defined(__AVX__)
#define LANES 8
#define ROWS 6
#define WIDE 2
#else
#define LANES 4
#define ROWS 6
#define WIDE 4
#endif
#define INLINE static inline __attribute__((always_inline))
#ifdef __clang__
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 16")
#endif

typedef float vec __attribute__((vector_size(4 * LANES)));
typedef int ivec __attribute__((vector_size(4 * LANES)));

typedef struct {
    long blocks, images, patches, pad, hidden, mlp, heads, size, stride;
} Sizes;

typedef struct {
    const float *query, *query_bias, *query_t;
    const float *key, *key_bias, *key_t;
    const float *value, *value_bias, *value_t;
    const float *out, *out_bias, *out_t;
    const float *linear1, *linear1_bias, *linear1_t;
    const float *linear2, *linear2_bias, *linear2_t;
} Weights;

/* The sums of the gradients of a block's weights. */
typedef struct {
    float *query, *query_bias, *key, *key_bias, *value, *value_bias, *out, *out_bias;
    float *linear1, *linear1_bias, *linear2, *linear2_bias;
} Gradients;

INLINE vec load(const float *p) {
    vec v;
    memcpy(&v, p, sizeof v);
    return v;
}

INLINE void store(float *p, vec v) { memcpy(p, &v, sizeof v); }

INLINE vec all(float x) { return x - (vec){}; }

/* Lane i of the result is lane i ^ by. GCC does not turn the loop into a shuffle; clang has no
   such builtin. */
INLINE vec turned(vec v, int by) {
    vec to;
#ifdef __clang__
    UNROLL for (int i = 0; i < LANES; i++) to[i] = v[i ^ by];
#else
    ivec lanes;
    UNROLL for (int i = 0; i < LANES; i++) lanes[i] = i ^ by;
    to = __builtin_shuffle(v, lanes);
#endif
    return to;
}

INLINE float sum(vec v) {
    UNROLL for (int by = LANES / 2; by; by /= 2) v += turned(v, by);
    return v[0];
}

INLINE vec choose(ivec mask, vec a, vec b) { return (vec)((mask & (ivec)a) | (~mask & (ivec)b)); }

INLINE float largest(vec v) {
    UNROLL for (int by = LANES / 2; by; by /= 2) {
        vec other = turned(v, by);
        v = choose(v < other, other, v);
    }
    return v[0];
}

/* e^x to a few units in the last place; NaN stays NaN. */
INLINE vec exponential(vec x) {
    const float round = 12582912.0f; /* 1.5 * 2^23: a number added to it is rounded to an integer */
    x = choose(x < all(-87.0f), all(-87.0f), x);
    x = choose(x > all(88.0f), all(88.0f), x);
    vec shifted = x * 1.44269504088896341f + round;
    vec n = shifted - round;
    vec r = x - n * 0.693359375f + n * 2.12194440e-4f;
    vec p = all(1.9875691500e-4f);
    p = p * r + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    p = p * (r * r) + r + 1.0f;
    return (vec)((ivec)p + ((ivec)shifted << 23));
}

/* -- products ---------------------------------------------------------------------------------- */

enum Into { SET, ADD, TAKE };

/* Computes rows x (vectors * LANES) of c from a, with any strides, and the rows of b. */
INLINE void tile(const int rows, const int vectors, long depth, const float *a, long row, long column,
                 const float *b, long b_row, float *c, long c_row, const float *bias, enum Into into) {
    vec sums[ROWS][WIDE];
    UNROLL for (int i = 0; i < rows; i++)
        UNROLL for (int j = 0; j < vectors; j++) sums[i][j] = bias ? load(bias + j * LANES) : (vec){};
    for (long k = 0; k < depth; k++) {
        vec line[WIDE];
        UNROLL for (int j = 0; j < vectors; j++) line[j] = load(b + k * b_row + j * LANES);
        UNROLL for (int i = 0; i < rows; i++) {
            vec factor = all(a[i * row + k * column]);
            UNROLL for (int j = 0; j < vectors; j++) sums[i][j] += factor * line[j];
        }
    }
    UNROLL for (int i = 0; i < rows; i++)
        UNROLL for (int j = 0; j < vectors; j++) {
            float *to = c + i * c_row + j * LANES;
            vec value = sums[i][j];
            store(to, into == SET ? value : into == ADD ? load(to) + value : load(to) - value);
        }
}

INLINE void strip(const int vectors, long rows, long depth, const float *a, long row, long column,
                  const float *b, long b_row, float *c, long c_row, const float *bias,
                  enum Into into) {
    long i = 0;
    for (; i + ROWS <= rows; i += ROWS)
        tile(ROWS, vectors, depth, a + i * row, row, column, b, b_row, c + i * c_row, c_row, bias,
             into);
    for (; i + 4 <= rows; i += 4)
        tile(4, vectors, depth, a + i * row, row, column, b, b_row, c + i * c_row, c_row, bias, into);
    for (; i < rows; i++)
        tile(1, vectors, depth, a + i * row, row, column, b, b_row, c + i * c_row, c_row, bias, into);
}

/* c (=, += or -=) a b + bias, of rows x columns; columns are whole vectors. */
INLINE void product(long rows, long columns, long depth, const float *a, long row, long column,
                    const float *b, long b_row, float *c, long c_row, const float *bias,
                    enum Into into) {
    long j = 0;
    for (; j + WIDE * LANES <= columns; j += WIDE * LANES)
        strip(WIDE, rows, depth, a, row, column, b + j, b_row, c + j, c_row, bias ? bias + j : 0,
              into);
    for (; j < columns; j += LANES)
        strip(1, rows, depth, a, row, column, b + j, b_row, c + j, c_row, bias ? bias + j : 0, into);
}

static void set(long rows, long columns, long depth, const float *a, long row, const float *b,
                long b_row, float *c, long c_row, const float *bias) {
    product(rows, columns, depth, a, row, 1, b, b_row, c, c_row, bias, SET);
}

static void add(long rows, long columns, long depth, const float *a, long row, const float *b,
                long b_row, float *c, long c_row) {
    product(rows, columns, depth, a, row, 1, b, b_row, c, c_row, 0, ADD);
}

static void take(long rows, long columns, long depth, const float *a, long row, const float *b,
                 long b_row, float *c, long c_row) {
    product(rows, columns, depth, a, row, 1, b, b_row, c, c_row, 0, TAKE);
}

/* c (=, += or -=) a^T b. */
static void set_t(long rows, long columns, long depth, const float *a, long row, const float *b,
                  long b_row, float *c, long c_row) {
    product(rows, columns, depth, a, 1, row, b, b_row, c, c_row, 0, SET);
}

static void add_t(long rows, long columns, long depth, const float *a, long row, const float *b,
                  long b_row, float *c, long c_row) {
    product(rows, columns, depth, a, 1, row, b, b_row, c, c_row, 0, ADD);
}

static void take_t(long rows, long columns, long depth, const float *a, long row, const float *b,
                   long b_row, float *c, long c_row) {
    product(rows, columns, depth, a, 1, row, b, b_row, c, c_row, 0, TAKE);
}

static void transpose(long rows, long columns, const float *a, long row, float *to, long to_row) {
    for (long j = 0; j < columns; j++) {
        for (long i = 0; i < rows; i++) to[j * to_row + i] = a[i * row + j];
        for (long i = rows; i < to_row; i++) to[j * to_row + i] = 0;
    }
}

/* -- rows -------------------------------------------------------------------------------------- */

/* The layer norm without gain and offset, and each row's inverse standard deviation. */
static void norm(long rows, long size, const float *x, float *to, float *deviations, float eps) {
    for (long i = 0; i < rows; i++, x += size, to += size) {
        vec total = {}, squares = {};
        for (long j = 0; j < size; j += LANES) total += load(x + j);
        float mean = sum(total) / size;
        for (long j = 0; j < size; j += LANES) {
            vec centred = load(x + j) - mean;
            squares += centred * centred;
        }
        float deviation = 1 / sqrtf(sum(squares) / size + eps);
        for (long j = 0; j < size; j += LANES) store(to + j, (load(x + j) - mean) * deviation);
        deviations[i] = deviation;
    }
}

/* to = plus + more + N'^T d, where n is the normed input; more may be null. */
INLINE void norm_back(long rows, long size, const float *d, const float *n, const float *deviations,
                      const float *plus, const float *more, float *to) {
    for (long i = 0; i < rows; i++, d += size, n += size, plus += size, to += size) {
        vec total = {}, along = {};
        for (long j = 0; j < size; j += LANES) {
            total += load(d + j);
            along += load(d + j) * load(n + j);
        }
        float mean = sum(total) / size, slope = sum(along) / size;
        for (long j = 0; j < size; j += LANES) {
            vec back = (load(d + j) - mean - load(n + j) * slope) * deviations[i] + load(plus + j);
            store(to + j, more ? back + load(more + i * size + j) : back);
        }
    }
}

/* The softmax of each row of scores: `patches` values and padding. */
static void softmax(long patches, long pad, float *scores) {
    for (long i = 0; i < patches; i++, scores += pad) {
        for (long j = patches; j < pad; j++) scores[j] = -INFINITY;
        vec top = load(scores), total = {};
        for (long j = LANES; j < pad; j += LANES) {
            vec next = load(scores + j);
            top = choose(top < next, next, top);
        }
        float most = largest(top);
        for (long j = 0; j < pad; j += LANES) {
            vec share = exponential(load(scores + j) - most);
            store(scores + j, share);
        }
        for (long j = patches; j < pad; j++) scores[j] = 0;
        for (long j = 0; j < pad; j += LANES) total += load(scores + j);
        float scale = 1 / sum(total);
        for (long j = 0; j < pad; j += LANES) store(scores + j, load(scores + j) * scale);
    }
}

/* Replace the gradient d of the attention by that of the scores. */
static void softmax_back(long patches, long pad, const float *attention, float *d) {
    for (long i = 0; i < patches; i++, attention += pad, d += pad) {
        vec along = {};
        for (long j = 0; j < pad; j += LANES) along += load(attention + j) * load(d + j);
        float mean = sum(along);
        for (long j = 0; j < pad; j += LANES)
            store(d + j, load(attention + j) * (load(d + j) - mean));
    }
}

/* Replace z by z sigmoid(z + beta z^3), and write the derivative to slope. */
static void gelu(long count, float cube, float *z, float *slope) {
    for (long j = 0; j < count; j += LANES) {
        vec x = load(z + j), cubed = cube * x * x * x;
        vec gate = 1.0f / (1.0f + exponential(-(x + cubed)));
        store(z + j, x * gate);
        store(slope + j, gate + gate * (x + 3.0f * cubed) * (1.0f - gate));
    }
}

/* Subtract a layer's gradient from its sums: x^T error, and the error's sum over the rows. */
static void subtract_gradient(long rows, long in, long out, const float *x, const float *error,
                              float *weight, float *bias) {
    take_t(in, out, rows, x, in, error, out, weight, out);
    for (long i = 0; i < rows; i++, error += out)
        for (long j = 0; j < out; j += LANES) store(bias + j, load(bias + j) - load(error + j));
}

static void multiply(long count, float *a, const float *b) {
    for (long j = 0; j < count; j += LANES) store(a + j, load(a + j) * load(b + j));
}

/* -- a block ----------------------------------------------------------------------------------- */

#define MLP_ROWS 96

typedef struct {
    float *n, *n1, *query, *key, *value, *mixed, *x1, *dx1, *dmixed, *dquery, *dkey, *dvalue, *dn;
    float *keys_t, *values_t, *attention, *dscores, *wide, *slope, *deviations1, *deviations2;
} Workspace;

static long divide(const Sizes *s, float *at, Workspace *space) {
    long inner = s->heads * s->size, wide = s->hidden > inner ? s->hidden : inner;
    long narrow = s->patches * wide, rows = s->patches < MLP_ROWS ? s->patches : MLP_ROWS;
    float *begin = at;
    float **whole[] = {&space->n,    &space->n1,     &space->query,  &space->key,    &space->value,
                       &space->mixed, &space->x1,     &space->dx1,    &space->dmixed, &space->dquery,
                       &space->dkey, &space->dvalue, &space->dn};
    for (unsigned i = 0; i < sizeof whole / sizeof *whole; i++, at += narrow) *whole[i] = at;
    space->keys_t = at, at += inner * s->pad;
    space->values_t = at, at += inner * s->pad;
    space->attention = at, at += s->heads * s->patches * s->pad;
    space->dscores = at, at += s->patches * s->pad;
    space->wide = at, at += rows * s->mlp;
    space->slope = at, at += rows * s->mlp;
    space->deviations1 = at, at += s->pad;
    space->deviations2 = at, at += s->pad;
    return at - begin;
}

static void attend(const Sizes *s, const Weights *w, Workspace *r) {
    long H = s->hidden, N = s->patches, pad = s->pad, size = s->size, D = s->heads * size;
    set(N, D, H, r->n, H, w->query, D, r->query, D, w->query_bias);
    if (s->heads > 1) {
        set(N, D, H, r->n, H, w->key, D, r->key, D, w->key_bias);
        set(N, D, H, r->n, H, w->value, D, r->value, D, w->value_bias);
        transpose(N, D, r->value, D, r->values_t, pad);
    }
    transpose(N, D, r->key, D, r->keys_t, pad);
    for (long h = 0; h < s->heads; h++) {
        float *attention = r->attention + h * N * pad;
        set(N, pad, size, r->query + h * size, D, r->keys_t + h * size * pad, pad, attention, pad, 0);
        softmax(N, pad, attention);
        set(N, size, N, attention, pad, r->value + h * size, D, r->mixed + h * size, D, 0);
    }
}

/* The gradient of the normed input, dn, from that of the mixed values, dmixed. */
static void attend_back(const Sizes *s, const Weights *w, const Gradients *l, Workspace *r) {
    long H = s->hidden, N = s->patches, pad = s->pad, size = s->size, D = s->heads * size;
    for (long h = 0; h < s->heads; h++) {
        const float *attention = r->attention + h * N * pad, *dmixed = r->dmixed + h * size;
        const float *query = r->query + h * size;
        set(N, pad, size, dmixed, D, r->values_t + h * size * pad, pad, r->dscores, pad, 0);
        softmax_back(N, pad, attention, r->dscores);
        set(N, size, N, r->dscores, pad, r->key + h * size, D, r->dquery + h * size, D, 0);
        set_t(N, size, N, r->dscores, pad, query, D, r->dkey + h * size, D);
        /* With one head, key and value are the normed input: their gradients add up in dkey = dn. */
        if (s->heads > 1)
            set_t(N, size, N, attention, pad, dmixed, D, r->dvalue + h * size, D);
        else
            add_t(N, size, N, attention, pad, dmixed, D, r->dkey, D);
    }
    add(N, H, D, r->dquery, D, w->query_t, H, r->dn, H);
    if (s->heads > 1) {
        add(N, H, D, r->dkey, D, w->key_t, H, r->dn, H);
        add(N, H, D, r->dvalue, D, w->value_t, H, r->dn, H);
    }
    if (!l) return;
    subtract_gradient(N, H, D, r->n, r->dquery, l->query, l->query_bias);
    subtract_gradient(N, D, H, r->mixed, r->dx1, l->out, l->out_bias);
    if (s->heads > 1) {
        subtract_gradient(N, H, D, r->n, r->dkey, l->key, l->key_bias);
        subtract_gradient(N, H, D, r->n, r->dvalue, l->value, l->value_bias);
    }
}

/* Subtract the prediction from e, and write dz W^T to dn. */
static void mlp(const Sizes *s, const Weights *w, const Gradients *l, Workspace *r, float cube,
                float *e) {
    long H = s->hidden, M = s->mlp;
    for (long at = 0; at < s->patches; at += MLP_ROWS) {
        long rows = s->patches - at < MLP_ROWS ? s->patches - at : MLP_ROWS;
        float *n1 = r->n1 + at * H, *error = e + at * H;
        set(rows, M, H, n1, H, w->linear1, M, r->wide, M, w->linear1_bias);
        gelu(rows * M, cube, r->wide, r->slope);
        take(rows, H, M, r->wide, M, w->linear2, H, error, H);
        if (l) subtract_gradient(rows, M, H, r->wide, error, l->linear2, l->linear2_bias);
        set(rows, M, H, error, H, w->linear2_t, M, r->wide, M, 0);
        multiply(rows * M, r->wide, r->slope);
        if (l) subtract_gradient(rows, H, M, n1, r->wide, l->linear1, l->linear1_bias);
        set(rows, H, M, r->wide, M, w->linear1_t, H, r->dn + at * H, H, 0);
    }
}

static void block(const Sizes *s, const Weights *w, const Gradients *l, Workspace *r, float eps,
                  float cube, const float *x, float *e, float *back) {
    long H = s->hidden, N = s->patches, D = s->heads * s->size, count = N * H;
    norm(N, H, x, r->n, r->deviations1, eps);
    attend(s, w, r);
    for (long i = 0; i < count; i += H)
        for (long j = 0; j < H; j += LANES) store(r->x1 + i + j, load(x + i + j) + load(w->out_bias + j));
    add(N, H, D, r->mixed, D, w->out, H, r->x1, H);
    for (long i = 0; i < count; i += H)
        for (long j = 0; j < H; j += LANES)
            store(e + i + j, load(e + i + j) - load(r->x1 + i + j) - load(w->linear2_bias + j));
    norm(N, H, r->x1, r->n1, r->deviations2, eps);
    mlp(s, w, l, r, cube, e);
    norm_back(N, H, r->dn, r->n1, r->deviations2, e, 0, r->dx1);
    set(N, D, H, r->dx1, H, w->out_t, D, r->dmixed, D, 0);
    if (s->heads == 1)
        r->dkey = r->dn;
    else
        memset(r->dn, 0, count * sizeof *r->dn);
    attend_back(s, w, l, r);
    norm_back(N, H, r->dn, r->n, r->deviations1, e, r->dx1, back);
}

/* The number of floats in the workspace that `pc_blocks` needs. */
long pc_workspace_size(const Sizes *s) {
    Workspace space;
    return divide(s, 0, &space);
}

int pc_lanes(void) { return LANES; }

/* All blocks: x (blocks, images * patches, hidden), `stride` floats from block to block; error and
   back the same without gaps. gradients may be null. */
void pc_blocks(const Sizes *s, const Weights *weights, const Gradients *gradients, float eps,
               float cube, const float *x, float *error, float *back, float *at) {
    Workspace space;
    divide(s, at, &space);
    long count = s->patches * s->hidden;
    if (s->heads == 1) {
        space.key = space.value = space.n;
        space.values_t = space.keys_t;
    }
    for (long b = 0; b < s->blocks; b++)
        for (long i = 0; i < s->images; i++) {
            long place = (b * s->images + i) * count;
            block(s, weights + b, gradients ? gradients + b : 0, &space, eps, cube,
                  x + b * s->stride + i * count, error + place, back + place);
        }
}
